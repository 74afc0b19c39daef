#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The step of action.yml: annotations on standard output, a table in the job's summary, a SARIF file if asked for.
# Takes PATHS, ARGS, BASE, SARIF and IOSCC_BIN from the environment; exits as ioscc check does.
set -u
ioscc=${IOSCC_BIN:-ioscc}
read -ra paths <<<"${PATHS:-.}"
read -ra args <<<"${ARGS:-}"
[ -z "${BASE:-}" ] || args+=(--diff-base "$BASE")
"$ioscc" check --format github "${args[@]}" "${paths[@]}"
status=$?
if [ -n "${SARIF:-}" ]; then
	"$ioscc" check --format sarif "${args[@]}" "${paths[@]}" >"$SARIF"
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
	{
		echo '### ioscc'
		echo '```'
		"$ioscc" check --color never --summary "${args[@]}" "${paths[@]}" | tail -n 40
		echo '```'
	} >>"$GITHUB_STEP_SUMMARY"
fi
exit $status
