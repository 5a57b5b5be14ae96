/*
 * conn_pool.hpp: pools of a type, callables as callbacks, exceptions, and coroutines.
 *
 * Prints a line for each test, and exits with 1 at the first check that fails.
 */
#include <conn_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

static_assert(!std::is_copy_constructible_v<connpool::lease_of<int>>);
static_assert(std::is_nothrow_move_constructible_v<connpool::lease_of<int>>);
static_assert(std::is_nothrow_move_assignable_v<connpool::pool_of<int>>);

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1); \
        } \
    } while (0)

namespace {

struct connection {
    std::string address;
    int uses = 0;
};

connpool::config config_of(std::uint32_t capacity)
{
    connpool::config config = connpool::make_config();
    config.capacity = capacity;
    return config;
}

void callbacks_may_capture()
{
    std::string address = "example.org";
    std::uint32_t told = 0;
    int ended = 0, checks = 0;
    connpool::callbacks<connection> calls;
    calls.create = [&](std::uint32_t within_ms) {
        told = within_ms;
        return new connection{address};
    };
    calls.validate = [&checks](connection &) { return ++checks < 2; };
    calls.reset = [](connection &own) { return ++own.uses < 3; };
    calls.destroy = [&ended](connection *own) {
        ended++;
        delete own;
    };
    {
        auto made = connpool::pool_of<connection>::create(config_of(1), std::move(calls));
        CHECK(made);
        connpool::pool_of<connection> pool = std::move(*made);
        {
            auto lease = pool.acquire(std::chrono::seconds(30));
            CHECK(lease && told > 0 && told <= 30000);
            CHECK((*lease)->address == "example.org" && (**lease).uses == 0);
        }
        CHECK(pool.acquire() && checks == 1 && ended == 0);
        /* Unfit: another one is made. */
        CHECK(pool.try_acquire() && checks == 2 && ended == 1);
        CHECK(pool.plain().stats()->created == 2);
    }
    CHECK(ended == 2);
}

void a_pool_of_a_type_waits_until_a_time()
{
    using namespace std::chrono_literals;
    using clock = std::chrono::steady_clock;
    connpool::callbacks<connection> calls;
    calls.create = [](std::uint32_t) { return new connection{"example.org"}; };
    auto pool = connpool::pool_of<connection>::create(config_of(1), std::move(calls));
    CHECK(pool);
    /* Not even begun: there is one to be had. */
    auto held = pool->acquire_until(clock::now() - 1h);
    CHECK(held && (*held)->address == "example.org");
    CHECK(pool->acquire_until(clock::now() - 1h).status() == CONN_POOL_EXHAUSTED);
    const auto late = clock::now() + 20ms;
    auto refused = pool->acquire_until(late);
    CHECK(refused.status() == CONN_POOL_TIMED_OUT && !*refused && clock::now() >= late);
    std::atomic<bool> served{false};
    std::atomic<bool> is_through{false};
    std::thread waiter([&] {
        auto lease = pool->acquire_until(std::chrono::time_point<clock, std::chrono::hours>::max());
        served = lease && (*lease)->address == "example.org";
        is_through = true;
    });
    while (!is_through && pool->plain().stats()->waiting == 0) {
        std::this_thread::yield();
    }
    CHECK(held->release() == CONN_POOL_OK);
    waiter.join();
    CHECK(served && pool->acquire_until(clock::time_point::max()));
}

struct witness {
    int events = 0;
    int readings = 0;
};

void functions_of_the_configuration_get_their_own_user()
{
    witness mine;
    connpool::callbacks<int> calls;
    calls.create = [](std::uint32_t) { return new int(1); };
    connpool::config config = config_of(1);
    config.user = &mine;
    config.on_event = [](void *user, connpool::event, void *, int) { static_cast<witness *>(user)->events++; };
    config.clock_ms = [](void *user) -> std::uint64_t { return ++static_cast<witness *>(user)->readings; };
    config.max_lifetime_ms = 1000;
    {
        auto pool = connpool::pool_of<int>::create(config, std::move(calls));
        CHECK(pool && pool->acquire());
        CHECK(mine.events == 1 && mine.readings > 0);
    }
    CHECK(mine.events == 2);
}

void an_event_callable_is_told_instead_of_the_function()
{
    witness mine;
    int made = 0, refused = 0, gone = 0, reason = 0;
    connection *known = nullptr;
    connpool::callbacks<connection> calls;
    calls.create = [](std::uint32_t) { return new connection{"example.org"}; };
    calls.reset = [](connection &) { return false; };
    calls.on_event = [&](connpool::event what, connection *own, int code) {
        CHECK(own != nullptr && own->address == "example.org");
        if (what == CONN_POOL_EVENT_CREATED) {
            made++;
            known = own;
        } else if (what == CONN_POOL_EVENT_RESET_FAILED) {
            CHECK(own == known && code == 1);
            refused++;
        } else {
            CHECK(what == CONN_POOL_EVENT_DESTROYED && own == known);
            reason = code;
            gone++;
        }
    };
    connpool::config config = config_of(1);
    config.user = &mine;
    config.on_event = [](void *user, connpool::event, void *, int) { static_cast<witness *>(user)->events++; };
    auto pool = connpool::pool_of<connection>::create(config, std::move(calls));
    CHECK(pool && pool->acquire());
    CHECK(made == 1 && refused == 1 && gone == 1 && reason == CONN_POOL_REASON_RESET_FAILED);
    CHECK(mine.events == 0);
}

void without_destroy_a_resource_is_deleted()
{
    connpool::callbacks<connection> calls;
    auto pool = connpool::pool_of<connection>::create(config_of(1), std::move(calls));
    CHECK(pool && pool->add(new connection{"added"}) == CONN_POOL_OK);
    CHECK(pool->acquire() && !connpool::pool_of<connection>());
}

std::string last_error(int &code)
{
    const char *text = nullptr;
    code = conn_pool_last_error(&text);
    return text;
}

void an_exception_is_a_failure()
{
    int made = 0, ended = 0, code = 0;
    bool unfit = false, unclean = false;
    connpool::callbacks<int> calls;
    calls.create = [&](std::uint32_t) -> int * {
        if (made++ == 0) {
            throw std::runtime_error("no route to host");
        }
        if (made == 2) {
            throw 7;
        }
        return made == 3 ? nullptr : new int(made);
    };
    calls.validate = [&](int &) -> bool { return unfit ? throw std::logic_error("unfit") : true; };
    calls.reset = [&](int &) -> bool { return unclean ? throw std::logic_error("unclean") : true; };
    calls.destroy = [&](int *own) {
        ended++;
        delete own;
        throw std::runtime_error("too late");
    };
    {
        auto pool = connpool::pool_of<int>::create(config_of(1), std::move(calls));
        CHECK(pool);
        CHECK(pool->try_acquire().status() == CONN_POOL_CREATE_FAILED);
        CHECK(last_error(code) == "no route to host" && code == 2);
        CHECK(pool->try_acquire().status() == CONN_POOL_CREATE_FAILED);
        CHECK(last_error(code) == "an exception that is no std::exception" && code == 2);
        CHECK(pool->try_acquire().status() == CONN_POOL_CREATE_FAILED);
        CHECK(last_error(code).empty() && code == 1);
        CHECK(pool->try_acquire());
        unfit = true;
        CHECK(pool->try_acquire() && ended == 1 && pool->plain().stats()->invalid == 1);
        unfit = false;
        unclean = true;
        /* Its release comes at the end of the line. */
        CHECK(pool->try_acquire());
        CHECK(ended == 2 && pool->plain().stats()->reset_failed == 1);
        unclean = false;
        CHECK(pool->try_acquire());
    }
    CHECK(ended == 3);
}

void only_a_failed_create_changes_the_text()
{
    int events = 0, code = 0;
    bool refuses = true, unfit = false, unclean = false;
    connpool::callbacks<int> calls;
    calls.create = [&](std::uint32_t) { return refuses ? throw std::runtime_error("no route to host") : new int(1); };
    calls.validate = [&](int &) -> bool { return unfit ? throw std::logic_error("unfit") : true; };
    calls.reset = [&](int &) -> bool { return unclean ? throw std::logic_error("unclean") : true; };
    calls.destroy = [](int *own) {
        delete own;
        throw std::runtime_error("too late");
    };
    calls.on_event = [&](connpool::event what, int *own, int) {
        CHECK((own == nullptr) == (what == CONN_POOL_EVENT_CREATE_FAILED));
        events++;
        throw std::runtime_error("the log is full");
    };
    {
        auto pool = connpool::pool_of<int>::create(config_of(1), std::move(calls));
        CHECK(pool && pool->try_acquire().status() == CONN_POOL_CREATE_FAILED && events == 1);
        CHECK(last_error(code) == "no route to host" && code == 2);
        refuses = false;
        CHECK(pool->try_acquire() && events == 2);
        CHECK(last_error(code) == "no route to host");
        unfit = true;
        /* The idle one is told of as unfit, and as gone, and another one as made. */
        CHECK(pool->try_acquire() && events == 5);
        CHECK(last_error(code) == "no route to host");
        unclean = true;
        unfit = false;
        CHECK(pool->try_acquire());
        CHECK(events == 7 && last_error(code) == "no route to host");
        unclean = false;
        CHECK(pool->try_acquire());
    }
    CHECK(events == 9 && last_error(code) == "no route to host" && code == 2);
}

void a_connect_may_be_begun_and_ended_later()
{
    std::uint64_t ticket = 0;
    int code = 0, begun = 0;
    bool throws = false;
    connpool::callbacks<connection> calls;
    calls.begin_create = [&](std::uint64_t own, std::uint32_t within_ms) {
        CHECK(within_ms == 500);
        ticket = own;
        begun++;
        return throws ? throw std::runtime_error("no socket") : true;
    };
    connpool::config config = config_of(1);
    config.connect_timeout_ms = 500;
    {
        auto pool = connpool::pool_of<connection>::create(config, std::move(calls));
        CHECK(pool && pool->try_acquire().status() == CONN_POOL_EXHAUSTED && begun == 1);
        CHECK(pool->connect_failed(ticket, 9, "refused") == CONN_POOL_OK);
        connection *late = new connection{"late"};
        CHECK(pool->connected(ticket, late) == CONN_POOL_NOT_HELD);
        delete late;
        CHECK(pool->try_acquire().status() == CONN_POOL_EXHAUSTED && begun == 2);
        CHECK(pool->connected(ticket, new connection{"later"}) == CONN_POOL_OK);
        {
            auto lease = pool->try_acquire();
            CHECK(lease && (*lease)->address == "later");
            CHECK(lease->discard() == CONN_POOL_OK);
        }
        throws = true;
        CHECK(pool->acquire(std::chrono::seconds(30)).status() == CONN_POOL_CREATE_FAILED);
        CHECK(last_error(code) == "no socket" && code == 2 && begun == 3);
    }
}

conn_pool *remembered;

void leases_may_outlive_the_pool()
{
    int ended = 0;
    connpool::lease_of<int> kept;
    {
        connpool::callbacks<int> calls;
        calls.create = [](std::uint32_t) { return new int(1); };
        calls.destroy = [&ended](int *own) {
            ended++;
            delete own;
        };
        auto pool = connpool::pool_of<int>::create(config_of(2), std::move(calls));
        /* What is never freed stays known. */
        remembered = pool->plain().get();
        kept = std::move(*pool->acquire());
        CHECK(pool->acquire() && ended == 0);
    }
    CHECK(ended == 1 && *kept == 1);
    CHECK(kept.release() == CONN_POOL_OK && ended == 2);
}

#if defined(__cpp_impl_coroutine)
struct task {
    struct promise_type {
        task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::exit(1); }
    };
    std::coroutine_handle<promise_type> handle;
};

task use_one(connpool::pool &pool, int &turn, int &my_turn, connpool::status &how)
{
    auto lease = co_await pool.acquire_async();
    how = lease.status();
    my_turn = ++turn;
}

void a_coroutine_waits_in_its_turn()
{
    int thing = 0, turn = 0, first = 0, second = 0, third = 0;
    connpool::status how = CONN_POOL_PENDING, late = CONN_POOL_PENDING;
    auto pool = connpool::pool::create(config_of(1));
    CHECK(pool && pool->add(&thing) == CONN_POOL_OK);
    task at_once = use_one(*pool, turn, first, how);
    CHECK(first == 1 && how == CONN_POOL_OK && at_once.handle.done());
    connpool::lease held = *pool->acquire();
    task waits = use_one(*pool, turn, second, how);
    task gives_up = use_one(*pool, turn, third, late);
    task is_refused = use_one(*pool, turn, third, late);
    CHECK(second == 0 && pool->stats()->waiting == 3);
    gives_up.handle.destroy();
    CHECK(pool->stats()->waiting == 2 && held.release() == CONN_POOL_OK);
    CHECK(second == 2 && third == 3 && late == CONN_POOL_OK);
    held = *pool->acquire();
    task closed_out = use_one(*pool, turn, third, late);
    CHECK(pool->close() == CONN_POOL_OK && late == CONN_POOL_CLOSED && third == 4);
    for (task *own : {&at_once, &waits, &is_refused, &closed_out}) {
        CHECK(own->handle.done());
        own->handle.destroy();
    }
}

task read_one(connpool::pool_of<connection> &pool, std::string &read, connpool::status &how)
{
    auto lease = co_await pool.acquire_async();
    static_assert(std::is_same_v<decltype(lease), connpool::result<connpool::lease_of<connection>>>);
    how = lease.status();
    if (lease) {
        read = (*lease)->address;
    }
}

void a_coroutine_gets_a_lease_of_a_type()
{
    std::string at_once, later, never;
    connpool::status how = CONN_POOL_PENDING, failed = CONN_POOL_PENDING;
    bool refuses = false;
    connpool::callbacks<connection> calls;
    calls.create = [&](std::uint32_t) { return refuses ? nullptr : new connection{"example.org"}; };
    auto pool = connpool::pool_of<connection>::create(config_of(1), std::move(calls));
    CHECK(pool);
    task first = read_one(*pool, at_once, how);
    CHECK(first.handle.done() && how == CONN_POOL_OK && at_once == "example.org");
    connpool::lease_of<connection> held = std::move(*pool->acquire());
    how = CONN_POOL_PENDING;
    task second = read_one(*pool, later, how);
    task gives_up = read_one(*pool, never, failed);
    CHECK(how == CONN_POOL_PENDING && pool->plain().stats()->waiting == 2);
    gives_up.handle.destroy();
    CHECK(pool->plain().stats()->waiting == 1 && held.release() == CONN_POOL_OK);
    CHECK(second.handle.done() && how == CONN_POOL_OK && later == "example.org");
    CHECK(pool->plain().stats()->in_use == 0 && pool->acquire()->discard() == CONN_POOL_OK);
    refuses = true;
    task third = read_one(*pool, never, failed);
    CHECK(third.handle.done() && failed == CONN_POOL_CREATE_FAILED && never.empty());
    for (task *own : {&first, &second, &third}) {
        own->handle.destroy();
    }
}
#endif

#define RUN(test) (test(), (void)std::printf("ok " #test "\n"))

}  // namespace

int main()
{
#if defined(__cpp_impl_coroutine)
    RUN(a_coroutine_waits_in_its_turn);
    RUN(a_coroutine_gets_a_lease_of_a_type);
#endif
    RUN(callbacks_may_capture);
    RUN(a_pool_of_a_type_waits_until_a_time);
    RUN(functions_of_the_configuration_get_their_own_user);
    RUN(an_event_callable_is_told_instead_of_the_function);
    RUN(without_destroy_a_resource_is_deleted);
    RUN(an_exception_is_a_failure);
    RUN(only_a_failed_create_changes_the_text);
    RUN(a_connect_may_be_begun_and_ended_later);
    RUN(leases_may_outlive_the_pool);
    return 0;
}
