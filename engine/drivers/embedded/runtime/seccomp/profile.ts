/**
 * The default system-call filter of Docker's containers, as data: what is not allowed here fails with EPERM. io_uring is
 * left out, as Docker does since version 25; the calls of kernels up to 6.13 that need no privilege are in.
 */
export type Architecture = 'x64' | 'arm64';

export interface ArgumentTest {
  /** 0 to 5. */
  readonly index: number;
  /** `masked`: no bit of `value` is set in the argument. */
  readonly test: 'equal' | 'not-equal' | 'masked';
  readonly value: number;
}

export interface SyscallRule {
  readonly names: readonly string[];
  /** Undefined: allowed. */
  readonly errno?: number;
  /** All must hold. */
  readonly when?: readonly ArgumentTest[];
  /** The rule is for these only. */
  readonly architectures?: readonly Architecture[];
  /** The rule counts where the process has this capability, or (`without`) has it not. */
  readonly capability?: string;
  readonly without?: string;
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);
const EPERM = 1;
const ENOSYS = 38;

/** Flags of clone(2) that make a namespace. */
const namespaceFlags = 0x7e020000;
const AF_VSOCK = 40;

const always = words(`
  accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
  clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
  clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
  epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
  exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2
  fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat
  fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait
  futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32
  geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid
  getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt
  gettid gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1
  inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl
  ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32
  lgetxattr link linkat listen listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64
  madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2
  mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
  mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
  name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2
  pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease
  process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead readlink
  readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename
  renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
  rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
  sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
  sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop
  semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area
  set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid
  setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid
  setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4
  sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync
  sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime
  timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
  timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat utime utimensat
  utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
`);

const personalities = [0, 8, 0x20000, 0x20008, 0xffffffff];

const rules: readonly SyscallRule[] = [
  {names: always},
  {names: ['socket'], when: [{index: 0, test: 'not-equal', value: AF_VSOCK}]},
  ...personalities.map((value): SyscallRule => ({names: ['personality'], when: [{index: 0, test: 'equal', value}]})),
  {names: ['arch_prctl', 'modify_ldt'], architectures: ['x64']},
  {
    names: words('arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2'),
    architectures: ['arm64'],
  },
  {names: ['open_by_handle_at'], capability: 'CAP_DAC_READ_SEARCH'},
  {
    names: words(`
      bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie mount mount_setattr move_mount
      open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns statmount syslog umount umount2 unshare
    `),
    capability: 'CAP_SYS_ADMIN',
  },
  {
    names: ['clone'],
    when: [{index: 0, test: 'masked', value: namespaceFlags}],
    without: 'CAP_SYS_ADMIN',
  },
  // Its flags are behind a pointer, where a filter cannot look: with ENOSYS, C libraries go back to clone.
  {names: ['clone3'], errno: ENOSYS, without: 'CAP_SYS_ADMIN'},
  {names: ['reboot'], capability: 'CAP_SYS_BOOT'},
  {names: ['chroot'], capability: 'CAP_SYS_CHROOT'},
  {names: ['delete_module', 'init_module', 'finit_module'], capability: 'CAP_SYS_MODULE'},
  {names: ['acct'], capability: 'CAP_SYS_PACCT'},
  {names: ['kcmp', 'pidfd_getfd', 'process_madvise'], capability: 'CAP_SYS_PTRACE'},
  {names: ['iopl', 'ioperm'], capability: 'CAP_SYS_RAWIO'},
  {names: ['settimeofday', 'stime', 'clock_settime', 'clock_settime64'], capability: 'CAP_SYS_TIME'},
  {names: ['vhangup'], capability: 'CAP_SYS_TTY_CONFIG'},
  {names: ['get_mempolicy', 'mbind', 'set_mempolicy', 'set_mempolicy_home_node'], capability: 'CAP_SYS_NICE'},
  {names: ['syslog'], capability: 'CAP_SYSLOG'},
  {names: ['bpf'], capability: 'CAP_BPF'},
  {names: ['perf_event_open'], capability: 'CAP_PERFMON'},
];

/** Everything the profile does not name. */
export const defaultErrno = EPERM;

/** The rules for a process with these capabilities, in order. */
export function rulesFor(architecture: Architecture, capabilities: readonly string[]): readonly SyscallRule[] {
  const has = new Set(capabilities);
  return rules.filter(
    (rule) =>
      (rule.architectures?.includes(architecture) ?? true) &&
      (rule.capability === undefined || has.has(rule.capability)) &&
      (rule.without === undefined || !has.has(rule.without)),
  );
}
