#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# First process of the guest kernel. The kernel hands over, from its command line:
#   LAB_TREE     the unpacked Debian packages (a host directory)
#   LAB_MODULES  this kernel's modules (a host directory)
#   LAB_RUN      this run's host directory: holds `modules` and `job`, receives `exit` and results
# The host's files are seen read-only below a tmpfs; only LAB_RUN is written to the host.

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
# The mount of util-linux 2.42 hands options over one by one, which hostfs refuses for its path.
export LIBMOUNT_FORCE_MOUNT2=always
unset uml_dir mem

off() {
    sync
    echo o >/proc/sysrq-trigger
    sleep 30
}

fail() {
    echo "lab: guest set-up failed: $*"
    off
}

base=/mnt
[ -d "$base" ] || base=/tmp
mount -t proc proc /proc || fail "mount /proc"
mount -t tmpfs -o size=80% tmpfs "$base" || fail "tmpfs on $base"
mkdir "$base/packages" "$base/upper" "$base/work" "$base/root" || fail "directories in $base"
mount -t hostfs -o "$LAB_TREE" none "$base/packages" || fail "hostfs of $LAB_TREE"
# The tree has this empty directory for it.
mount -t hostfs -o "$LAB_MODULES" none "$base/packages/lab-modules" || fail "hostfs of $LAB_MODULES"
chroot "$base/packages" insmod /lab-modules/kernel/fs/overlayfs/overlay.ko || fail "module overlay"
umount "$base/packages/lab-modules"
mount -t overlay -o "lowerdir=$base/packages:/,upperdir=$base/upper,workdir=$base/work" \
    overlay "$base/root" || fail "overlay over the host's files"
mount -t hostfs -o "$LAB_RUN" none "$base/root$LAB_RUN" || fail "hostfs of $LAB_RUN"
mkdir -p "$base/root/mnt" && cd "$base/root" && pivot_root . mnt || fail "pivot_root"
cd / && umount -l /mnt

mount -t proc proc /proc || fail "mount /proc"
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev || fail "mount /dev"
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
for directory in /run /tmp; do
    # A checkout below one of them stays visible; the overlay keeps writes in memory anyway.
    case "$LAB_RUN" in
    "$directory"/*) ;;
    *) mount -t tmpfs -o mode=1777 tmpfs "$directory" ;;
    esac
done
# The user who unpacked the packages owns their directories: with script security no script below one runs.
chown -h root:root / /usr /usr/bin /usr/sbin /usr/lib /etc /bin /sbin /lib || fail "owner of directories"
ln -sf /proc/self/fd /dev/fd
ln -sf /run/log /dev/log

modules=/lib/modules/$(uname -r)
mkdir -p "$modules"
mount -t hostfs -o "$LAB_MODULES" none "$modules" || fail "hostfs of $LAB_MODULES"
for module in $(cat "$LAB_RUN/optional-modules"); do
    modprobe -q "$module"
done
for module in $(cat "$LAB_RUN/modules"); do
    modprobe "$module" || fail "module $module does not load"
done
ip link set lo up || fail "loopback"
hostname lab
# What the kernel remarks on requests it refuses would cut the command's lines in two.
echo 1 >/proc/sys/kernel/printk

echo "lab: ready"
sh "$LAB_RUN/job" </dev/null
echo $? >"$LAB_RUN/exit"
off
