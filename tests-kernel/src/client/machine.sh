# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Prepares the mounts of a machine and becomes the shell of a client program. Runs in namespaces of its own.
# $0 is the file of our program or nothing; "$@" are the words that start Debian's keepalived: a loader with
# its options, then the program, or the program alone.

mount -t tmpfs -o mode=755 tmpfs /run || exit
base=/run/client
mkdir -p $base/sbin $base/usr/sbin $base/etc $base/keepalived /run/lock || exit
name=$base/usr/sbin/keepalived
if [ "$0" != none ]; then
    touch $name && mount --bind "$0" $name || exit
elif [ $# = 1 ]; then
    touch $name && mount --bind "$(command -v "$1")" $name || exit
else
    # The loader has the name of the program, so that the process has it. The tree of the packages may be
    # below /tmp, which is covered later.
    tree=${3%/usr/lib/*}
    mkdir $base/tree $base/loader && mount --bind "$tree" $base/tree || exit
    touch $base/loader/keepalived && mount --bind "$1" $base/loader/keepalived || exit
    printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' $base/loader/keepalived \
        "$base/tree${3#"$tree"}" "$base/tree/usr/sbin/keepalived" >$name || exit
    chmod 755 $name || exit
    # Versions from 2.3 on do not start without this file.
    options=$base/tree/etc/keepalived/keepalived.config-opts
    [ ! -f "$options" ] || cp "$options" $base/keepalived || exit
fi
if [ ! -d /etc/keepalived ]; then
    mkdir $base/etc/keepalived && mount -t overlay -o lowerdir=$base/etc:/etc overlay /etc || exit
fi
mount --bind $base/keepalived /etc/keepalived || exit
mount -t tmpfs -o mode=1777 tmpfs /tmp && mount -t tmpfs -o mode=755 tmpfs /var/lib || exit
PATH=$base/usr/sbin:$PATH:/usr/sbin:/sbin
export PATH
unset TMPDIR XDG_RUNTIME_DIR
umask 022
cd / || exit
exec sh
