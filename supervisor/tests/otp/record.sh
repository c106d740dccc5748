#!/bin/sh
# Records anew what OTP does with the scenarios of `cases/`; needs Erlang. A scenario stands behind a line `## NAME`.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
oracle=$PWD/oracle.escript
trap 'rm -r "$scratch"' EXIT
for scenarios in cases/*.scenarios; do
    folder=$scratch/$(basename "$scenarios" .scenarios)
    mkdir "$folder"
    names=$(sed -n 's/^## //p' "$scenarios")
    for name in $names; do
        awk -v wanted="## $name" '/^## /{inside = ($0 == wanted); next} inside' "$scenarios" >"$folder/$name"
    done
    # They mostly wait, so all files at once.
    # shellcheck disable=SC2086
    (cd "$folder" && escript "$oracle" $names) >"${scenarios%.scenarios}.traces" &
done
wait
