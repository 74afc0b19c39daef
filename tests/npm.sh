#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Puts what tests use from npm under build/npm: the SARIF validator and the driver of the browser. Without a network the
# tests that need them are skipped and say so.
dir=build/npm
[ -d $dir/node_modules/playwright-core ] && [ -e $dir/node_modules/.bin/sarif-multitool ] && exit 0
command -v npm >/dev/null || sh tests/packages.sh nodejs npm || exit 0
mkdir -p $dir
log=$dir/install.log
if ! npm install --prefix $dir --no-audit --no-fund @microsoft/sarif-multitool@5 playwright-core@1 >$log 2>&1; then
	echo "npm cannot install the validators (see $log): the tests that need them will be skipped" >&2
fi
exit 0
