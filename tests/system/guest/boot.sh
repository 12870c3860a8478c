#!/usr/bin/env bash
# Runs JOB/run in the guest that build.sh made in GUEST; ends with its exit code. See init.
# usage: boot.sh GUEST JOB
set -euo pipefail
guest=$(realpath "$1")
job=$(realpath "$2")
share=local,security_model=none
# No KVM is asked for, since most machines that test have none: everything is emulated.
qemu-system-x86_64 -M q35 -accel tcg,thread=multi,tb-size=512 -cpu max -smp 2 -m 3072 \
  -nodefaults -no-user-config -no-reboot -display none -serial stdio \
  -kernel "$guest/vmlinux" -initrd "$guest/initramfs.gz" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check \
apparmor=0 random.trust_cpu=on job=$job" \
  -fsdev "$share,id=host,path=/,readonly=on,multidevs=remap" \
  -device virtio-9p-pci,fsdev=host,mount_tag=host \
  -fsdev "$share,id=job,path=$job" -device virtio-9p-pci,fsdev=job,mount_tag=job </dev/null
[ -f "$job/code" ] || {
  echo "boot.sh: the guest ended without a result" >&2
  exit 99
}
exit "$(cat "$job/code")"
