"""The commands that mend things, each as its tool's own documentation has it. `{…}` is filled in by the rules.

Sources: docs.kernel.org admin-guide/pm/cpufreq, intel_pstate and sysfs-devices-system-cpu; the manual pages
cpupower-frequency-set(1), systemctl(1), loginctl(1), journalctl(1), timedatectl(1), chronyc(1), swapoff(8), ps(1),
kill(1), apt-get(8), mount(8), fwupdmgr(1), rpi-eeprom-update(1), dphys-swapfile(8), docker-stop(1); NVIDIA's Jetson
Linux developer guide for nvpmodel, jetson_clocks and nvzramconfig; Raspberry Pi's documentation for vcgencmd.
"""

SET_GOVERNOR = "echo performance | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
SET_GOVERNOR_BY_CPUPOWER = "sudo cpupower frequency-set -g performance"
LOCK_JETSON_CLOCKS = "sudo jetson_clocks"
LET_DYNOFARM_SET_GOVERNOR = "dynofarm device edit {board} --set governor=performance"
LIFT_CLOCK_LIMIT = "echo {khz} | sudo tee /sys/devices/system/cpu/cpufreq/{policy}/scaling_max_freq"
SWITCH_BOOST_OFF = "echo {value} | sudo tee {file}"
SWITCH_SMT_OFF = "echo off | sudo tee /sys/devices/system/cpu/smt/control"
PIN = "dynofarm device edit {board} --set cpus={cpus}"
SET_POWER_MODE = "sudo nvpmodel -m {mode}"

ASK_THROTTLING = "vcgencmd get_throttled"
WAIT_UNTIL_COOL = "dynofarm device edit {board} --set thermal.start_c={start_c}"
REBOOT = "sudo reboot"

STOP_UNIT = "sudo systemctl stop {unit}"
STOP_CONTAINER = "docker stop {container}"
KILL = "kill {pid}"
KILL_ANOTHERS = "sudo kill {pid}"
READ_JOURNAL = "journalctl -u {unit} -n 50"
LEAVE_DESKTOP = "sudo systemctl isolate multi-user.target"
BOOT_WITHOUT_DESKTOP = "sudo systemctl set-default multi-user.target"
END_SESSION = "sudo loginctl terminate-session {session}"
STOP_TIMERS = "sudo systemctl disable --now {timers}"

SWAP_OFF = "sudo swapoff -a"
SWAP_FILE_OFF = "sudo dphys-swapfile swapoff"
SWAP_FILE_OFF_FOR_GOOD = "sudo systemctl disable dphys-swapfile"
JETSON_ZRAM_OFF_FOR_GOOD = "sudo systemctl disable nvzramconfig"
LIST_BY_MEMORY = "ps -eo pid,user,rss,comm --sort=-rss"
CLEAN_PACKAGES = "sudo apt-get clean"
SHRINK_JOURNAL = "sudo journalctl --vacuum-size=50M"
LIST_LARGEST = "sudo du -xh --max-depth=2 /"
MOVE_WORK_FOLDER = "dynofarm device edit {board} --set work_dir=/var/tmp/dynofarm"
REMOUNT = "sudo mount -o remount,rw /"
READ_KERNEL_LOG = "sudo dmesg --level=err,warn"

SET_TIME = "sudo timedatectl set-ntp true"
STEP_TIME = "sudo chronyc makestep"
UPDATE_BOOT_LOADER = "sudo rpi-eeprom-update -a"
UPDATE_PACKAGES = "sudo apt-get update && sudo apt-get dist-upgrade"
UPDATE_FIRMWARE = "sudo fwupdmgr refresh && sudo fwupdmgr update"

SHOW_RUNS = "dynofarm results --device {board} --verdict suspect,invalid"
MEASURE_NOISE = "dynofarm noise --on {board}"
CHECK_HEALTH = "dynofarm health --on {board}"
RELEASE = "dynofarm health --release {board}"
