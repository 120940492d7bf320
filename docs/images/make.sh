#!/bin/sh
# Makes the pictures of README.md anew: the same bytes on every machine.
set -eu
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cargo run --release --quiet -- run scenarios/docker/outside.ron scenarios/routing/chain.ron --out "$out/report" > /dev/null
cp "$out/report/plots/docker-outside/50k-s.web.percentiles.svg" docs/images/percentiles.svg
cp "$out/report/plots/routing-chain/sweep-1.svg" docs/images/chain.svg
cargo run --release --quiet -- topology scenarios/docker/outside.ron --svg docs/images/topology.svg
