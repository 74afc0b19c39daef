#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs each fuzz target for $1 seconds on the seeds of testdata and the kept corpus; new inputs stay under build/fuzz.
set -eu
seconds=${1:-600}
cd "$(dirname "$0")/../.."
make --no-print-directory build/gen/ios_parse.c build/gen/ios_lex.c build/gen/embedded.c build/release/ioscc
mkdir -p build/fuzz/seeds build/fuzz/seeds_fleet tests/fuzz/corpus
find testdata -name '*.cfg' | while read -r f; do cp "$f" "build/fuzz/seeds/$(echo "$f" | tr / _)"; done
for d in testdata/fleet/*; do build/release/ioscc facts "$d" >"build/fuzz/seeds_fleet/$(basename "$d")"; done
cp lint/profiles/*.yaml build/fuzz/seeds_fleet/
awk -F'"' '/^KEYWORD/{printf "\"%s\"\n", $2}' grammar/keywords.def > build/fuzz/keywords.dict
src="$(ls compiler/base/*.c compiler/algo/*.c compiler/ir/*.c compiler/sets/*.c compiler/sem/*.c compiler/fleet/*.c grammar/*.c lint/*.c lint/*/*.c backends/*.c backends/*/*.c backends/ike/message/*.c backends/ike/crypto/*.c backends/ike/engine/*.c backends/ike/v1/*.c backends/ike/v2/*.c backends/ike/from_ir/*.c) build/gen/ios_parse.c build/gen/ios_lex.c build/gen/embedded.c"
pids=
for t in parse json fleet plan; do
	clang -g -O1 -w -D_GNU_SOURCE -std=gnu11 -I. -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o "build/fuzz/fuzz_$t" "tests/fuzz/fuzz_$t.c" $src -ljansson -lyaml -lcrypto -lnftnl -lmnl -lm
	mkdir -p "build/fuzz/corpus_$t"
	if [ $t = fleet ]; then more='-max_len=20000 build/fuzz/seeds_fleet'; else more="-max_len=4096 -dict=build/fuzz/keywords.dict tests/fuzz/corpus build/fuzz/seeds"; fi
	"build/fuzz/fuzz_$t" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/$t-" "build/fuzz/corpus_$t" $more >"build/fuzz/$t.log" 2>&1 &
	pids="$pids $!"
done
# the IKE engine: no seeds, the engine makes the messages
src="$(ls compiler/base/*.c compiler/algo/*.c backends/ike/ike.c backends/ike/message/*.c backends/ike/crypto/*.c backends/ike/engine/*.c backends/ike/v1/*.c backends/ike/v2/*.c) tests/sim/sim.c"
for t in message ike; do
	clang -g -O1 -w -D_GNU_SOURCE -DIOSCC_FUZZ -D__SANITIZE_ADDRESS__=1 -std=gnu11 -I. -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o "build/fuzz/fuzz_$t" "tests/fuzz/fuzz_$t.c" $src -lcrypto
	mkdir -p "build/fuzz/corpus_$t"
	"build/fuzz/fuzz_$t" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 -max_len=2000 -len_control=0 \
		-artifact_prefix="build/fuzz/$t-" "build/fuzz/corpus_$t" >"build/fuzz/$t.log" 2>&1 &
	pids="$pids $!"
done
# what is fetched for the sake of certificates
src="compiler/base/*.c compiler/algo/*.c backends/ike/message/*.c backends/ike/crypto/*.c backends/ike/fetch/*.c"
clang -g -O1 -w -D_GNU_SOURCE -DCARES_NO_DEPRECATED -std=gnu11 -I. -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-o build/fuzz/fuzz_fetch tests/fuzz/fuzz_fetch.c $src -lcrypto -lcares
mkdir -p build/fuzz/corpus_fetch
build/fuzz/fuzz_fetch -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 -max_len=4000 \
	-artifact_prefix="build/fuzz/fetch-" build/fuzz/corpus_fetch >build/fuzz/fetch.log 2>&1 &
pids="$pids $!"
failed=0
for p in $pids; do wait "$p" || failed=1; done
for t in parse json fleet plan message ike fetch; do
	echo "== fuzz_$t"
	grep -E 'stat::number_of_executed_units|SUMMARY|ERROR' "build/fuzz/$t.log" || tail -3 "build/fuzz/$t.log"
done
exit $failed
