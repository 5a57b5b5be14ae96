/*
 * What the header's structures, enumerations and macros are to a C compiler, as tables for
 * tests/layout.rs. That compares them with what they are to Rust, and fails if something in the
 * header has no row here.
 */
/* What the configuration begins with, without the tools of the machine. */
#define CONN_POOL_NO_VALGRIND
#include <conn_pool.h>

/*
 * Of a type: its alignment, in the place of the offset, and its size. Of a field: its offset and
 * size. Of a constant: its value.
 */
struct row {
    const char *owner;
    const char *name;
    size_t offset;
    size_t size;
    int64_t value;
};

#define TYPE(type) { #type, NULL, __alignof__(type), sizeof(type), 0 }
#define FIELD(type, field) \
    { #type, #field, offsetof(type, field), sizeof(((type *)NULL)->field), 0 }
#define VALUE(name) { NULL, #name, 0, 0, (int64_t)(name) }
#define END { NULL, NULL, 0, 0, 0 }

const struct row conn_pool_layout_types[] = {
    TYPE(conn_pool_event),
    TYPE(conn_pool_note),
    TYPE(conn_pool_status),
    TYPE(conn_pool_config),
    FIELD(conn_pool_config, struct_size),
    FIELD(conn_pool_config, capacity),
    FIELD(conn_pool_config, max_size),
    FIELD(conn_pool_config, max_overtakes),
    FIELD(conn_pool_config, min_idle),
    FIELD(conn_pool_config, idle_timeout_ms),
    FIELD(conn_pool_config, max_lifetime_ms),
    FIELD(conn_pool_config, name),
    FIELD(conn_pool_config, user),
    FIELD(conn_pool_config, create),
    FIELD(conn_pool_config, validate),
    FIELD(conn_pool_config, reset),
    FIELD(conn_pool_config, destroy),
    FIELD(conn_pool_config, on_event),
    FIELD(conn_pool_config, clock_ms),
    FIELD(conn_pool_config, validate_after_ms),
    FIELD(conn_pool_config, keepalive_ms),
    FIELD(conn_pool_config, flags),
    FIELD(conn_pool_config, leak_after_ms),
    FIELD(conn_pool_config, note),
    FIELD(conn_pool_config, begin_create),
    FIELD(conn_pool_config, connect_timeout_ms),
    FIELD(conn_pool_config, max_connecting),
    TYPE(conn_pool_reason),
    TYPE(conn_pool_lease_info),
    FIELD(conn_pool_lease_info, resource),
    FIELD(conn_pool_lease_info, tag),
    FIELD(conn_pool_lease_info, thread),
    FIELD(conn_pool_lease_info, held_ms),
    FIELD(conn_pool_lease_info, slot),
    FIELD(conn_pool_lease_info, reserved),
    TYPE(conn_pool_lease),
    FIELD(conn_pool_lease, pool),
    FIELD(conn_pool_lease, resource),
    FIELD(conn_pool_lease, slot),
    FIELD(conn_pool_lease, generation),
    TYPE(conn_pool_waiter),
    FIELD(conn_pool_waiter, reserved),
    TYPE(conn_pool_stats),
    FIELD(conn_pool_stats, struct_size),
    FIELD(conn_pool_stats, capacity),
    FIELD(conn_pool_stats, max_size),
    FIELD(conn_pool_stats, in_use),
    FIELD(conn_pool_stats, idle),
    FIELD(conn_pool_stats, vacant),
    FIELD(conn_pool_stats, waiting),
    FIELD(conn_pool_stats, peak_in_use),
    FIELD(conn_pool_stats, peak_waiting),
    FIELD(conn_pool_stats, acquired),
    FIELD(conn_pool_stats, reused),
    FIELD(conn_pool_stats, waited),
    FIELD(conn_pool_stats, timed_out),
    FIELD(conn_pool_stats, overtakes),
    FIELD(conn_pool_stats, created),
    FIELD(conn_pool_stats, create_failed),
    FIELD(conn_pool_stats, invalid),
    FIELD(conn_pool_stats, reset_failed),
    FIELD(conn_pool_stats, destroyed),
    FIELD(conn_pool_stats, misused),
    FIELD(conn_pool_stats, closed),
    FIELD(conn_pool_stats, exhausted),
    FIELD(conn_pool_stats, suspended),
    FIELD(conn_pool_stats, connecting),
    TYPE(conn_pool_create_fn),
    TYPE(conn_pool_check_fn),
    TYPE(conn_pool_destroy_fn),
    TYPE(conn_pool_event_fn),
    TYPE(conn_pool_clock_fn),
    TYPE(conn_pool_note_fn),
    TYPE(conn_pool_begin_create_fn),
    TYPE(conn_pool_ready_fn),
    END,
};

const struct row conn_pool_layout_values[] = {
    VALUE(CONN_POOL_VERSION),
    VALUE(CONN_POOL_VERSION_MAJOR),
    VALUE(CONN_POOL_VERSION_MINOR),
    VALUE(CONN_POOL_VERSION_PATCH),
    VALUE(CONN_POOL_WAIT_FOREVER),
    VALUE(CONN_POOL_MAX_CAPACITY),
    VALUE(CONN_POOL_MAX_NAME),
    VALUE(CONN_POOL_TRACK),
    VALUE(CONN_POOL_MAX_ERROR),
    VALUE(CONN_POOL_STORAGE_BASE),
    VALUE(CONN_POOL_STORAGE_PER_SLOT),
    VALUE(CONN_POOL_STORAGE_WORDS_BARE),
    VALUE(CONN_POOL_STORAGE_WORDS_BARE_64),
    VALUE(CONN_POOL_STORAGE_WORDS_PER_SLOT_BARE),
    VALUE(CONN_POOL_EVENT_CREATED),
    VALUE(CONN_POOL_EVENT_CREATE_FAILED),
    VALUE(CONN_POOL_EVENT_INVALID),
    VALUE(CONN_POOL_EVENT_RESET_FAILED),
    VALUE(CONN_POOL_EVENT_DESTROYED),
    VALUE(CONN_POOL_EVENT_LEAKED),
    VALUE(CONN_POOL_REASON_DISCARDED),
    VALUE(CONN_POOL_REASON_INVALID),
    VALUE(CONN_POOL_REASON_RESET_FAILED),
    VALUE(CONN_POOL_REASON_MAX_LIFETIME),
    VALUE(CONN_POOL_REASON_IDLE_TIMEOUT),
    VALUE(CONN_POOL_REASON_EVICTED),
    VALUE(CONN_POOL_REASON_SURPLUS),
    VALUE(CONN_POOL_REASON_CLOSED),
    VALUE(CONN_POOL_REASON_PANIC),
    VALUE(CONN_POOL_NOTE_ASK),
    VALUE(CONN_POOL_NOTE_ACQUIRED),
    VALUE(CONN_POOL_NOTE_RELEASED),
    VALUE(CONN_POOL_NOTE_OWN),
    VALUE(CONN_POOL_NOTE_IGNORE),
    VALUE(CONN_POOL_NOTE_HEED),
    VALUE(CONN_POOL_OK),
    VALUE(CONN_POOL_PENDING),
    VALUE(CONN_POOL_EXHAUSTED),
    VALUE(CONN_POOL_TIMED_OUT),
    VALUE(CONN_POOL_CLOSED),
    VALUE(CONN_POOL_BUSY),
    VALUE(CONN_POOL_INVALID_ARGUMENT),
    VALUE(CONN_POOL_UNSUPPORTED),
    VALUE(CONN_POOL_CONFIG_TOO_NEW),
    VALUE(CONN_POOL_STORAGE_TOO_SMALL),
    VALUE(CONN_POOL_MISALIGNED),
    VALUE(CONN_POOL_OUT_OF_MEMORY),
    VALUE(CONN_POOL_NOT_HELD),
    VALUE(CONN_POOL_STALE),
    VALUE(CONN_POOL_WRONG_POOL),
    VALUE(CONN_POOL_FORGED),
    VALUE(CONN_POOL_FULL),
    VALUE(CONN_POOL_CREATE_FAILED),
    VALUE(CONN_POOL_ALREADY_WAITING),
    VALUE(CONN_POOL_NOT_WAITING),
    VALUE(CONN_POOL_FORKED),
    VALUE(CONN_POOL_PANIC),
    VALUE(CONN_POOL_DEADLOCK),
    END,
};

/* The macros that are not values, used as a program uses them. */

void conn_pool_layout_initial(conn_pool_config *config, conn_pool_lease *lease,
                              conn_pool_waiter *waiter);
void conn_pool_layout_initial(conn_pool_config *config, conn_pool_lease *lease,
                              conn_pool_waiter *waiter)
{
    const conn_pool_config fresh_config = CONN_POOL_CONFIG_INIT;
    const conn_pool_lease fresh_lease = CONN_POOL_LEASE_INIT;
    const conn_pool_waiter fresh_waiter = CONN_POOL_WAITER_INIT;

    *config = fresh_config;
    *lease = fresh_lease;
    *waiter = fresh_waiter;
}

size_t conn_pool_layout_storage_size(uint32_t capacity);
size_t conn_pool_layout_storage_size(uint32_t capacity)
{
    return CONN_POOL_STORAGE_SIZE(capacity);
}

/* The sizes and alignments of storages of 5 slots, defined in both ways. */
void conn_pool_layout_storages(size_t sizes[2], uintptr_t addresses[2]);
void conn_pool_layout_storages(size_t sizes[2], uintptr_t addresses[2])
{
    CONN_POOL_DEFINE_STATIC(of_static, 5);
    CONN_POOL_DEFINE_STORAGE(of_automatic, 5);

    sizes[0] = sizeof of_static;
    sizes[1] = sizeof of_automatic;
    addresses[0] = (uintptr_t)&of_static;
    addresses[1] = (uintptr_t)&of_automatic;
}
