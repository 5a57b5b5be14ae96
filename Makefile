# The C library, for systems with ELF and GNU binutils.
#
#   make                       the archive and the shared library, in target/c-library
#   make check                 tests both, and an install tree, as a packager would
#   make install DESTDIR= PREFIX=/usr/local LIBDIR= INCLUDEDIR= DATADIR= MANDIR=
#   make static                the archive alone, where there are no shared libraries (musl)
#   make install-static
#   make bare                  libconn_pool_bare.a, for programs without an operating system: -DCONN_POOL_BARE
#   make install-bare
#   make uninstall             with the variables of the install
#
# For another target, TARGET is cargo's name for it, CROSS the prefix of its compiler and binutils (arm-none-eabi-),
# CARGO and CARGOFLAGS the cargo that can build for it. A tool may have options: LD='ld -m elf_i386'. FEATURES adds
# features to `make bare`: critical-section, portable-atomic.

PREFIX = /usr/local
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
DATADIR = $(PREFIX)/share
MANDIR = $(DATADIR)/man
DESTDIR =

CARGO = cargo
CARGOFLAGS =
FEATURES =
TARGET =
CROSS =
INSTALL = install
CC = $(CROSS)cc
ifneq ($(CROSS),)
CC = $(CROSS)gcc
endif
LDFLAGS =
AS = $(CROSS)as
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

# Until 1.0 each minor version may break programs, so it has a soname of its own, and so have its symbols.
series := $(if $(filter 0,$(major)),0.$(minor),$(major))
soname := libconn_pool.so.$(series)
shared := libconn_pool.so.$(version)
headers := $(wildcard include/conn_pool.h include/conn_pool.hpp)
manual := $(wildcard packaging/man/*.3)
out := target/c-library$(TARGET:%=/%)
made := target/c-library/cargo$(TARGET:%=/%)
pkgconfig := $(LIBDIR)/pkgconfig
cmake := $(LIBDIR)/cmake/conn_pool
empty :=
comma := ,

rustc = $(CARGO) rustc --lib --target-dir target/c-library/cargo $(TARGET:%=--target %) $(CARGOFLAGS)
one_object = AS='$(AS)' LD='$(LD)' AR='$(AR)' NM='$(NM)' OBJCOPY='$(OBJCOPY)' packaging/one-object
shared_object = CC='$(CC)' LDFLAGS='$(LDFLAGS)' NM='$(NM)' packaging/shared-object
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

static: $(out)/libconn_pool.a

bare: $(out)/libconn_pool_bare.a

# The crate as it is published has no ffi-tests.
check: all bare
	$(if $(wildcard ffi-tests/Cargo.toml),$(CARGO) test -p ffi-tests)
	packaging/check

# Cargo is called each time, since it decides what has to be built. If it has built the same before, with the same
# features and flags, it puts that file back, with the time of that build. So the time of a file does not tell whether
# its contents changed. What is made from it depends on a stamp instead, which changes only if the contents or the tools
# do.
FORCE:

define stamp
@mkdir -p $(out)
@{ echo '$(subst ','\'',$(one_object) $(shared_object))'; sha256sum <$<; } >$@.new
@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
endef

$(made)/c/libconn_pool.a: FORCE
	@mkdir -p $(out)
	$(rustc) --profile c --features ffi --crate-type staticlib -- \
		--print native-static-libs=$(abspath $(out))/native-static-libs

$(made)/c-bare/libconn_pool.a: FORCE
	$(rustc) --profile c-bare --no-default-features --features $(listed_features) --crate-type staticlib -- \
		--cfg conn_pool_archive

$(out)/libconn_pool.a.stamp: $(made)/c/libconn_pool.a FORCE
	$(stamp)

$(out)/libconn_pool_bare.a.stamp: $(made)/c-bare/libconn_pool.a FORCE
	$(stamp)

$(out)/libconn_pool.a: $(out)/libconn_pool.a.stamp packaging/one-object Makefile
	$(one_object) --hidden $(made)/c/libconn_pool.a conn_pool_ $@

$(out)/$(shared): $(out)/libconn_pool.a.stamp packaging/shared-object Makefile
	$(shared_object) $(made)/c/libconn_pool.a conn_pool_ $@ $(soname) CONN_POOL_$(series) \
		$(shell cat $(out)/native-static-libs 2>/dev/null)
	ln -sf $(shared) $(out)/$(soname)
	ln -sf $(soname) $(out)/libconn_pool.so

# A panic ends the program, so the tables for unwinding are removed.
$(out)/libconn_pool_bare.a: $(out)/libconn_pool_bare.a.stamp packaging/one-object Makefile
	$(one_object) $(made)/c-bare/libconn_pool.a conn_pool_ $@ --remove-section=.eh_frame '--remove-section=.ARM.ex*'

# Files are readable whatever the umask. A path with a space would need other quotes in each file that names it.
define usable_paths
@for path in '$(PREFIX)' '$(LIBDIR)' '$(INCLUDEDIR)' '$(DATADIR)' '$(MANDIR)'; do case $$path in \
	*[[:space:]]*) echo "the folder '$$path' has a space in its name: PREFIX, LIBDIR, INCLUDEDIR, DATADIR and MANDIR must not" >&2; exit 1;; \
	/*) ;; \
	*) echo "the folder '$$path' is relative: PREFIX, LIBDIR, INCLUDEDIR, DATADIR and MANDIR must begin with /" >&2; exit 1;; \
	esac; done
endef
built = @test -f $1 || { echo "nothing to install: run 'make$2' first" >&2; exit 1; }
folder = umask 022 && $(INSTALL) -d
fill = umask 022 && $(fill_in) $1 >'$(DESTDIR)$2'
# What a program of a static library needs, for a package without a shared one.
alone = $(if $(filter install-static,$@),$(private))
define install_headers
	$(usable_paths)
	$(folder) '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(pkgconfig)'
	$(INSTALL) -m 644 $(headers) '$(DESTDIR)$(INCLUDEDIR)'
endef
define install_archive
	$(install_headers)
	$(folder) '$(DESTDIR)$(cmake)' '$(DESTDIR)$(DATADIR)/conn_pool' '$(DESTDIR)$(MANDIR)/man3'
	$(INSTALL) -m 644 $(manual) '$(DESTDIR)$(MANDIR)/man3'
	$(INSTALL) -m 644 packaging/valgrind.supp '$(DESTDIR)$(DATADIR)/conn_pool'
	$(INSTALL) -m 644 $(out)/libconn_pool.a '$(DESTDIR)$(LIBDIR)'
	$(call fill,-e 's|@PRIVATE@|$(private)|' -e 's| *@ALONE@|$(alone:%= %)|' packaging/conn_pool.pc.in,$(pkgconfig)/conn_pool.pc)
	$(call fill,-e 's|@PRIVATE@|$(subst $(empty) $(empty),;,$(private:-l%=%))|' \
		packaging/conn_poolConfig.cmake.in,$(cmake)/conn_poolConfig.cmake)
	$(call fill,packaging/conn_poolConfigVersion.cmake.in,$(cmake)/conn_poolConfigVersion.cmake)
endef

# Do not depend on what they install: root, who installs, need not have cargo.
install:
	$(call built,$(out)/libconn_pool.a,)
	$(call built,$(out)/$(shared),)
	$(install_archive)
	$(INSTALL) -m 755 $(out)/$(shared) '$(DESTDIR)$(LIBDIR)'
	ln -sf $(shared) '$(DESTDIR)$(LIBDIR)/$(soname)'
	ln -sf $(soname) '$(DESTDIR)$(LIBDIR)/libconn_pool.so'

install-static:
	$(call built,$(out)/libconn_pool.a, static)
	$(install_archive)

install-bare:
	$(call built,$(out)/libconn_pool_bare.a, bare)
	$(install_headers)
	$(INSTALL) -m 644 $(out)/libconn_pool_bare.a '$(DESTDIR)$(LIBDIR)'
	$(call fill,packaging/conn_pool_bare.pc.in,$(pkgconfig)/conn_pool_bare.pc)

installed = $(headers:include/%=$(INCLUDEDIR)/%) $(addprefix $(LIBDIR)/,libconn_pool.a libconn_pool_bare.a \
	libconn_pool.so $(soname) $(shared)) $(pkgconfig)/conn_pool.pc $(pkgconfig)/conn_pool_bare.pc \
	$(DATADIR)/conn_pool/valgrind.supp $(manual:packaging/man/%=$(MANDIR)/man3/%)

uninstall:
	$(usable_paths)
	rm -f $(foreach file,$(installed),'$(DESTDIR)$(file)')
	rm -rf '$(DESTDIR)$(cmake)'

# For scripts.
version:
	@echo $(version)

soname:
	@echo $(soname)

clean:
	rm -rf target/c-library

.PHONY: all static bare check install install-static install-bare uninstall version soname clean FORCE
.DELETE_ON_ERROR:
