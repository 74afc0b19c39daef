# SPDX-License-Identifier: GPL-3.0-or-later
# ioscc: build, test, install. `make help` lists the targets.
VERSION   = 0.2.0
CC       ?= gcc
PREFIX   ?= /usr/local
BINDIR   ?= $(PREFIX)/bin
MANDIR   ?= $(PREFIX)/share/man
UNITDIR  ?= $(PREFIX)/lib/systemd/system
# where docs/rules is published: SARIF reports link to DOCS_URI + rule id
DOCS_URI ?= https://ioscc.example/rules/
VARIANT  ?= release
B         = build/$(VARIANT)
GEN       = build/gen

# Debian packages: to build, and what tests need on top of them
BUILD_PACKAGES = gcc make flex bison libc6-dev libjansson-dev libssl-dev libmnl-dev libnftnl-dev \
                 libyaml-dev libuv1-dev libseccomp-dev libcurl4-openssl-dev libc-ares-dev pkg-config
TEST_PACKAGES  = libcmocka-dev python3 python3-prometheus-client python3-jsonschema python3-yaml clang libclang-rt-14-dev scdoc util-linux \
                 iproute2 nftables tcpdump iputils-ping libxml2-utils git patch chromium strace \
                 ike-scan strongswan-charon strongswan-swanctl libcharon-extra-plugins libstrongswan-standard-plugins
VM_PACKAGES    = qemu-system-x86 busybox-static kmod cpio iperf3

WARN      = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Werror=format
CPPFLAGS += -I. -D_GNU_SOURCE -DCARES_NO_DEPRECATED -DIOSCC_VERSION='"$(VERSION)"' -DIOSCC_DOCS_URI='"$(DOCS_URI)"'
BASEFLAGS = -std=gnu11 $(WARN) -ffile-prefix-map=$(CURDIR)=.
FLAGS_release = -O3 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
FLAGS_asan    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_mutant  = -O0
LD_release    = -pie -Wl,-z,relro,-z,now
LD_asan       = -fsanitize=address,undefined
LIBS          = -ljansson -lyaml -lcrypto -lnftnl -lmnl -luv -lseccomp -lcares -lm -lpthread

SRC := $(wildcard compiler/*/*.c grammar/*.c lint/*.c lint/*/*.c backends/*.c backends/*/*.c backends/*/*/*.c)
CLI := $(wildcard compiler/cli/*.c)
LIBSRC := $(filter-out $(CLI),$(SRC))
GENSRC := $(GEN)/ios_parse.c $(GEN)/ios_lex.c $(GEN)/embedded.c
LIBOBJ := $(LIBSRC:%.c=$(B)/%.o) $(GENSRC:%.c=$(B)/%.o)
CLIOBJ := $(CLI:%.c=$(B)/%.o)
IOSCC  := $(B)/ioscc
RULES  := grammar/ios.y grammar/rules_acl.y grammar/rules_isakmp.y grammar/rules_ipsec.y grammar/rules_pki.y

Q = $(if $(V),,@)
# as many at once as there are processors, where nobody has said how many
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

all: $(IOSCC) ## build the program

$(IOSCC): $(CLIOBJ) $(B)/libioscc.a
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(FLAGS_$(VARIANT)) $(LDFLAGS) $(LD_$(VARIANT)) -o $@ $(CLIOBJ) $(B)/libioscc.a $(LIBS)

$(B)/libioscc.a: $(LIBOBJ)
	@echo "  AR    $@"
	$(Q)rm -f $@ && ar rcs $@ $(LIBOBJ)

$(B)/%.o: %.c | $(GEN)/ios_parse.h $(GEN)/ios_lex.h
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(BASEFLAGS) $(FLAGS_$(VARIANT)) $(CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<

# generated code is compiled as it comes
$(B)/$(GEN)/%.o: EXTRA = -Wno-conversion -Wno-unused-function -Wno-missing-prototypes -Wno-shadow -Wno-undef -Wno-sign-compare

# the grammar: one list of keywords, five files of rules, one parser
$(GEN)/ios_all.y: grammar/keywords.def $(RULES)
	@mkdir -p $(GEN)
	$(Q)awk -F'"' '/^KEYWORD/{n=toupper($$2); gsub(/[^A-Z0-9]/,"_",n); printf "%%token K_%s \"%s\"\n", n, $$2}' grammar/keywords.def > $(GEN)/tokens.y
	$(Q)sed -e '/^\/\* KEYWORDS:/r $(GEN)/tokens.y' grammar/ios.y > $@.tmp
	$(Q)cat $(filter-out grammar/ios.y,$(RULES)) >> $@.tmp
	$(Q)mv $@.tmp $@
$(GEN)/ios_parse.c $(GEN)/ios_parse.h &: $(GEN)/ios_all.y
	@echo "  BISON $<"
	$(Q)bison -Wall -Wno-yacc -Werror -o $(GEN)/ios_parse.c --defines=$(GEN)/ios_parse.h $<
$(GEN)/ios_lex.c $(GEN)/ios_lex.h &: grammar/ios.l
	@mkdir -p $(GEN)
	@echo "  FLEX  $<"
	$(Q)flex -o $(GEN)/ios_lex.c grammar/ios.l

# texts that are part of the program: profiles, pages of rules, the page of the fleet
EMBEDDED := $(wildcard lint/profiles/*.yaml docs/rules/IC*.md compiler/fleet/assets/*)
$(GEN)/embedded.c: $(EMBEDDED) Makefile
	@mkdir -p $(GEN)
	$(Q)( echo '#include "lint/embedded.h"'; echo 'const struct embedded embedded_files[] = {'; \
	for f in $(EMBEDDED); do n=$${f##*/}; case $$f in lint/*) k=profile n=$${n%.yaml};; docs/*) k=rule n=$${n%.md};; *) k=asset;; esac; \
	printf '{"%s", "%s",\n' $$k $$n; sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $$f; echo '},'; done; \
	echo '{0, 0, 0}};' ) > $@

-include $(shell find build -name '*.d' -type f -not -path 'build/vm/*' 2>/dev/null)

quickstart: ## install what the build needs, build, and run on the bundled routers
	@sh tests/packages.sh $(BUILD_PACKAGES)
	@$(MAKE) $(JOBS) --no-print-directory all
	@echo; echo "== ioscc check testdata/pairs/branch-hq"
	@$(IOSCC) check testdata/pairs/branch-hq || true
	@echo; echo "== ioscc compile --to ios testdata/pairs/branch-hq/branch.cfg"
	@$(IOSCC) compile --to ios testdata/pairs/branch-hq/branch.cfg

test: ## install what tests need, build with sanitizers, run everything that can run here
	@sh tests/packages.sh $(BUILD_PACKAGES) $(TEST_PACKAGES) $(VM_PACKAGES)
	@sh tests/npm.sh
	@$(MAKE) --no-print-directory programs
	@python3 tests/run.py
	
check: programs ## a part of everything, in two minutes: see CONTRIBUTING.md
	@python3 tests/run.py --quick

programs:
	@$(MAKE) $(JOBS) --no-print-directory VARIANT=asan build/asan/ioscc unit-programs
	@$(MAKE) $(JOBS) --no-print-directory VARIANT=release all build/release/tests/vm/resend build/release/tests/sim/sim_exchanges build/release/tests/sim/sim_tamper build/release/tests/sim/sim_load \
		build/release/tests/netns/failing.so build/release/tests/netns/clock.so build/release/tests/netns/noring.so build/release/tests/netns/sandbox build/release/tests/netns/flood build/release/tests/attack/attack

UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c)) \
        $(patsubst tests/property/%.c,$(B)/tests/property/%,$(wildcard tests/property/prop_*.c)) \
        $(B)/tests/netns/decide $(B)/tests/sim/sim_exchanges $(B)/tests/sim/sim_tamper $(B)/tests/sim/sim_load \
        $(B)/tests/attack/attack
unit-programs: $(UNIT)
$(B)/tests/%: tests/%.c $(B)/libioscc.a
	@mkdir -p $(@D)
	@echo "  CCLD  $@"
	$(Q)$(CC) $(CPPFLAGS) $(BASEFLAGS) -Wno-missing-prototypes $(FLAGS_$(VARIANT)) $(LD_$(VARIANT)) -MMD -MP -o $@ $< $(B)/libioscc.a -lcmocka $(LIBS)

$(B)/tests/sim/%: tests/sim/%.c tests/sim/sim.c tests/sim/sim.h $(B)/libioscc.a
	@mkdir -p $(@D)
	@echo "  CCLD  $@"
	$(Q)$(CC) $(CPPFLAGS) $(BASEFLAGS) -Wno-missing-prototypes $(FLAGS_$(VARIANT)) $(LD_$(VARIANT)) -o $@ $< tests/sim/sim.c $(B)/libioscc.a $(LIBS)

# in objects of its own: a mutant of one file compiles that file
ATTACK_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/attack/*.c) tests/sim/sim.c)
$(ATTACK_OBJ): EXTRA = -Wno-missing-prototypes
$(B)/tests/attack/attack: $(ATTACK_OBJ) $(B)/libioscc.a
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(FLAGS_$(VARIANT)) $(LDFLAGS) $(LD_$(VARIANT)) -Wl,--wrap=free,--wrap=realloc,--wrap=calloc -o $@ $(ATTACK_OBJ) $(B)/libioscc.a $(LIBS)

build/release/tests/netns/%.so: tests/netns/%.c
	@mkdir -p $(@D)
	@echo "  CCLD  $@"
	$(Q)$(CC) $(CPPFLAGS) $(BASEFLAGS) -Wno-missing-prototypes -O2 -fPIC -shared -o $@ $< -ldl

build/release/tests/netns/flood: tests/netns/flood.c
	@mkdir -p $(@D)
	@echo "  CCLD  $@"
	$(Q)$(CC) $(CPPFLAGS) $(BASEFLAGS) -O2 -o $@ $<

# for the guest of the VM tests, where no library is missed
build/release/tests/vm/resend: tests/vm/resend.c
	@mkdir -p $(@D)
	@echo "  CCLD  $@"
	$(Q)$(CC) $(CPPFLAGS) $(BASEFLAGS) -O2 -static -o $@ $<

check-net: ## the tests in network namespaces (root)
	@python3 tests/run.py netns:

check-vm: ## the tests in a guest with real ESP (QEMU, no KVM needed)
	@sh tests/packages.sh $(BUILD_PACKAGES) $(TEST_PACKAGES) $(VM_PACKAGES)
	@$(MAKE) --no-print-directory VARIANT=release all build/release/tests/vm/resend
	@python3 tests/run.py vm:

attack: ## attacks on the engine and the daemon, and whether they find each finding opened again (tests/attack/mutants)
	@sh tests/packages.sh $(BUILD_PACKAGES) $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory programs
	@python3 tests/run.py attack: 'netns: processes' 'netns: compromised'

interop: ## the tests against other people's daemons, and docs/interop.md written from what they saw
	@sh tests/packages.sh $(BUILD_PACKAGES) $(TEST_PACKAGES) $(VM_PACKAGES)
	@$(MAKE) --no-print-directory programs
	@python3 tests/run.py 'netns: ike: v1 combinations' 'netns: ike: v2 combinations' 'certificates' 'vm: situations'
	@python3 tests/vm/interop.py

bench: all ## check against a do-nothing scanner, apply against ip -batch and nft -f; prints ratios
	@python3 tests/bench/bench.py
	@python3 tests/bench/apply.py

bench-ike: all build/release/tests/sim/sim_load ## the IKE engine against bare Diffie-Hellman and against charon
	@python3 tests/bench/ike.py

fuzz: ## ten minutes of each fuzz target (SECONDS=600)
	@sh tests/fuzz/run.sh $(or $(SECONDS),600)

fmt: ## lay the code out
	clang-format -i $(SRC) $(wildcard compiler/*/*.h grammar/*.h lint/*.h lint/*/*.h backends/*/*.h backends/*/*/*.h tests/*/*.c)

install: all docs/man/ioscc.1 ## install program and manual page
	install -Dm755 $(IOSCC) $(DESTDIR)$(BINDIR)/ioscc
	install -Dm644 docs/man/ioscc.1 $(DESTDIR)$(MANDIR)/man1/ioscc.1
	install -Dm644 packaging/systemd/ioscc-apply.service $(DESTDIR)$(UNITDIR)/ioscc-apply.service
	install -Dm644 packaging/systemd/ioscc-ike.service $(DESTDIR)$(UNITDIR)/ioscc-ike.service
	install -Dm644 packaging/systemd/ioscc-early.service $(DESTDIR)$(UNITDIR)/ioscc-early.service
	install -Dm644 packaging/systemd/early.nft $(DESTDIR)$(PREFIX)/lib/ioscc/early.nft

docs/man/ioscc.1: docs/man/ioscc.1.scd
	scdoc < $< > $@

clean: ## remove everything that was built
	rm -rf build docs/man/ioscc.1

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 14

.PHONY: all programs quickstart test check check-net check-vm attack interop unit-programs bench bench-ike fuzz fmt install clean help
.DELETE_ON_ERROR:
