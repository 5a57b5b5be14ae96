# The C library, for systems with ELF and GNU binutils.
#
#   make                       the archive and the shared library, in target/c-library
#   make check                 tests both, and an install tree, as a packager would
#   make install DESTDIR= PREFIX=/usr/local LIBDIR= INCLUDEDIR=
#   make uninstall             with the same variables
#   make bare                  libconn_pool_bare.a, for programs without an operating system: -DCONN_POOL_BARE
#
# For another target, TARGET is cargo's name for it, CROSS the prefix of its binutils (arm-none-eabi-), CARGO and
# CARGOFLAGS the cargo that can build for it. FEATURES adds features to `make bare`: critical-section, portable-atomic.

PREFIX = /usr/local
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
DESTDIR =

CARGO = cargo
CARGOFLAGS =
FEATURES =
TARGET =
CROSS =
INSTALL = install
LD = $(CROSS)ld
AR = $(CROSS)ar
NM = $(CROSS)nm
OBJCOPY = $(CROSS)objcopy

version := $(shell sed -n '/^\[package\]/,/^\[[^p]/s/^version = "\(.*\)"/\1/p' Cargo.toml)
description := $(shell sed -n '/^\[package\]/,/^\[[^p]/s/^description = "\(.*\)"/\1/p' Cargo.toml)
numbers := $(subst ., ,$(firstword $(subst -, ,$(version))))
major := $(word 1,$(numbers))
minor := $(word 2,$(numbers))
ifneq ($(words $(numbers)),3)
$(error the version in Cargo.toml is '$(version)', which is not three numbers)
endif

# Until 1.0 each minor version may break programs, so it has a soname of its own.
soname := libconn_pool.so.$(if $(filter 0,$(major)),0.$(minor),$(major))
shared := libconn_pool.so.$(version)
headers := $(wildcard include/conn_pool.h include/conn_pool.hpp)
out := target/c-library$(TARGET:%=/%)
made := target/c-library/cargo$(TARGET:%=/%)
pkgconfig := $(LIBDIR)/pkgconfig
cmake := $(LIBDIR)/cmake/conn_pool
empty :=
comma := ,

rustc = $(CARGO) rustc --lib --target-dir target/c-library/cargo $(TARGET:%=--target %) $(CARGOFLAGS)
one_object = LD=$(LD) AR=$(AR) NM=$(NM) OBJCOPY=$(OBJCOPY) packaging/one-object
listed_features = ffi$(subst $(empty) $(empty),,$(addprefix $(comma),$(subst $(comma), ,$(FEATURES))))
# The libraries that a program needs beside the archive, each once. The C library and gcc's are left out: the compiler
# adds them, in the form that fits a shared or a static program.
without_repeats = $(if $1,$(call without_repeats,$(filter-out $(lastword $1),$1)) $(lastword $1))
private = $(strip $(call without_repeats,$(filter-out -lc -lgcc_s,$(shell cat $(out)/native-static-libs))))
fill_in = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|' \
	-e 's|@INCLUDEDIR@|$(INCLUDEDIR:$(PREFIX)/%=$${prefix}/%)|' -e 's|@VERSION@|$(version)|' -e 's|@SONAME@|$(soname)|' \
	-e 's|@MAJOR@|$(major)|g' -e 's|@MINOR@|$(minor)|g' -e 's|@DESCRIPTION@|$(description)|' \
	-e "s|@TO_INCLUDE@|$$(realpath -m -s --relative-to=$(cmake) $(INCLUDEDIR))|"

all: $(out)/libconn_pool.a $(out)/$(shared)

bare: $(out)/libconn_pool_bare.a

check: all bare
	$(CARGO) test -p ffi-tests
	packaging/check

# Cargo is called each time, since it decides what has to be built. If it has built the same before, with the same
# features and flags, it puts that file back, with the time of that build. So the time of a file does not tell whether
# its contents changed. What is made from it depends on a stamp instead, which changes only if the contents or the tools
# do.
FORCE:

define stamp
@mkdir -p $(out)
@{ echo '$(subst ','\'',$(one_object))'; sha256sum <$<; } >$@.new
@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
endef

$(made)/c/libconn_pool.a: FORCE
	@mkdir -p $(out)
	$(rustc) --profile c --features ffi --crate-type staticlib -- \
		--print native-static-libs=$(abspath $(out))/native-static-libs

$(made)/c/libconn_pool.so: FORCE
	$(rustc) --profile c --features ffi --crate-type cdylib -- -C link-arg=-Wl,-soname,$(soname)

$(made)/c-bare/libconn_pool.a: FORCE
	$(rustc) --profile c-bare --no-default-features --features $(listed_features) --crate-type staticlib -- \
		--cfg conn_pool_archive

$(out)/libconn_pool.a.stamp: $(made)/c/libconn_pool.a FORCE
	$(stamp)

$(out)/$(shared).stamp: $(made)/c/libconn_pool.so FORCE
	$(stamp)

$(out)/libconn_pool_bare.a.stamp: $(made)/c-bare/libconn_pool.a FORCE
	$(stamp)

$(out)/libconn_pool.a: $(out)/libconn_pool.a.stamp packaging/one-object
	$(one_object) $(made)/c/libconn_pool.a conn_pool_ $@

$(out)/$(shared): $(out)/$(shared).stamp
	cp $(made)/c/libconn_pool.so $@
	ln -sf $(shared) $(out)/$(soname)
	ln -sf $(soname) $(out)/libconn_pool.so

# A panic ends the program, so the tables for unwinding are removed.
$(out)/libconn_pool_bare.a: $(out)/libconn_pool_bare.a.stamp packaging/one-object
	$(one_object) $(made)/c-bare/libconn_pool.a conn_pool_ $@ --remove-section=.eh_frame '--remove-section=.ARM.ex*'

# Does not depend on `all`: root, who installs, need not have cargo.
install:
	@test -f $(out)/libconn_pool.a && test -f $(out)/$(shared) || \
		{ echo "nothing to install: run 'make' first" >&2; exit 1; }
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(pkgconfig) $(DESTDIR)$(cmake)
	$(INSTALL) -m 644 $(headers) $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 644 $(out)/libconn_pool.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(out)/$(shared) $(DESTDIR)$(LIBDIR)
	ln -sf $(shared) $(DESTDIR)$(LIBDIR)/$(soname)
	ln -sf $(soname) $(DESTDIR)$(LIBDIR)/libconn_pool.so
	$(fill_in) -e 's|@PRIVATE@|$(private)|' packaging/conn_pool.pc.in >$(DESTDIR)$(pkgconfig)/conn_pool.pc
	$(fill_in) -e 's|@PRIVATE@|$(subst $(empty) $(empty),;,$(private:-l%=%))|' packaging/conn_poolConfig.cmake.in \
		>$(DESTDIR)$(cmake)/conn_poolConfig.cmake
	$(fill_in) packaging/conn_poolConfigVersion.cmake.in >$(DESTDIR)$(cmake)/conn_poolConfigVersion.cmake

uninstall:
	rm -f $(headers:include/%=$(DESTDIR)$(INCLUDEDIR)/%) $(DESTDIR)$(LIBDIR)/libconn_pool.a \
		$(DESTDIR)$(LIBDIR)/libconn_pool.so $(DESTDIR)$(LIBDIR)/$(soname) $(DESTDIR)$(LIBDIR)/$(shared) \
		$(DESTDIR)$(pkgconfig)/conn_pool.pc
	rm -rf $(DESTDIR)$(cmake)

# For scripts.
version:
	@echo $(version)

soname:
	@echo $(soname)

clean:
	rm -rf target/c-library

.PHONY: all bare check install uninstall version soname clean FORCE
.DELETE_ON_ERROR:
