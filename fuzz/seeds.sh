#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Makes fuzz/corpus from the vectors of the crates' tests.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/advertisement corpus/config corpus/ipvs_message corpus/signed

# Hexadecimal digits on the input, bytes on the output.
bytes() {
    printf "$(tr -d '[:space:]' | sed 's/../\\x&/g')"
}

for vector in ../lb-vrrp/tests/data/*.hex; do
    name=$(basename "$vector" .hex)
    case $name in
    frame-*) continue ;;
    ip-*)
        # Type 2 of the target `signed`: IPv4, then the packet with its header.
        { printf '\0'; grep -v '^#' "$vector" | bytes; } >"corpus/signed/$name"
        continue
        ;;
    signed-*-ipv4) kind='\010' ;;
    signed-*-ipv6) kind='\011' ;;
    *) kind='' ;;
    esac
    if [ -n "$kind" ]; then
        { printf "$kind"; grep -v '^#' "$vector" | bytes; } >"corpus/signed/$name"
        continue
    fi
    grep -v '^#' "$vector" | bytes >"corpus/advertisement/$name"
done
grep -hv '^#' ../lb-ipvs/tests/data/messages.hex ../lb-ipvs/tests/data/exchanges.hex | while read -r name digits; do
    bytes <<<"$digits" >"corpus/ipvs_message/$name"
done
find ../lb-core/tests/data -name '*.conf' | while read -r file; do
    cp "$file" "corpus/config/$(basename "$(dirname "$file")")-$(basename "$file")"
done
echo "seeds: $(find corpus -type f | wc -l)"
