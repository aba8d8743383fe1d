/** Everything that turns a program into a container of a pod. Paths are the node's. */
export interface Sandbox {
  readonly networkNamespace: string
  readonly hostname: string
  /** The base root, and the empty directory where this container's copy is mounted. */
  readonly baseRoot: string
  readonly root: string
  readonly mounts: readonly Mount[]
  readonly user: ContainerUser
  /** Inside the container. */
  readonly workingDirectory: string
}

export interface Mount {
  readonly source: string
  /** Absolute, inside the container; exists in the base root. */
  readonly target: string
  readonly readOnly: boolean
}

export interface ContainerUser {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups. */
  readonly groups: readonly number[]
  /** Lower case, without `cap_`. */
  readonly capabilities: readonly string[]
  readonly noNewPrivileges: boolean
}

/** What a container runtime leaves to root when the manifest says nothing. */
const DEFAULT_CAPABILITIES = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'net_raw',
  'sys_chroot',
  'mknod',
  'audit_write',
  'setfcap',
]

/** The capabilities that are left after `drop` and then `add`; both as manifests write them. */
export function effectiveCapabilities(add: readonly string[], drop: readonly string[]): string[] {
  const plain = (name: string) => name.toLowerCase().replace(/^cap_/, '')
  const dropped = new Set(drop.map(plain))
  const kept = dropped.has('all') ? [] : DEFAULT_CAPABILITIES.filter((name) => !dropped.has(name))
  return [...new Set([...kept, ...add.map(plain)])].sort()
}

/**
 * The command line that enters the pod's network namespace, makes a mount namespace with the
 * container's root in it and a host name of its own, gives privileges up and becomes `argv`: one process from first to last, so
 * that its id is the container's.
 */
export function containerCommand(sandbox: Sandbox, argv: readonly string[]): string[] {
  const script = [
    'set -e',
    `hostname ${quote(sandbox.hostname)}`,
    `mount --rbind ${quote(sandbox.baseRoot)} ${quote(sandbox.root)}`,
    ...sandbox.mounts.flatMap((mount) => {
      const target = quote(sandbox.root + mount.target)
      const made = `mount --rbind ${quote(mount.source)} ${target}`
      return mount.readOnly ? [made, `mount -o remount,bind,ro ${target}`] : [made]
    }),
    `mount -o remount,bind,ro ${quote(sandbox.root)}`,
    'exec "$@"',
  ].join('\n')
  return [
    '/usr/bin/nsenter',
    `--net=${sandbox.networkNamespace}`,
    '--',
    '/usr/bin/unshare',
    '--mount',
    '--uts',
    '--propagation',
    'private',
    '--',
    '/bin/sh',
    '-c',
    script,
    'container',
    '/usr/sbin/chroot',
    sandbox.root,
    ...dropPrivileges(sandbox.user),
    // setpriv knows no working directory.
    '/bin/sh',
    '-c',
    'cd "$0" && exec "$@"',
    sandbox.workingDirectory,
    ...argv,
  ]
}

/** The command line that runs `argv` beside process `pid` of a container: same namespaces, root and user. */
export function execCommand(pid: number, user: ContainerUser, argv: readonly string[]): string[] {
  return [
    '/usr/bin/nsenter',
    '--target',
    String(pid),
    '--mount',
    '--uts',
    '--net',
    '--root',
    '--wd',
    '--',
    ...dropPrivileges(user),
    ...argv,
  ]
}

function dropPrivileges(user: ContainerUser): string[] {
  const capabilities = ['-all', ...user.capabilities.map((name) => `+${name}`)].join(',')
  return [
    '/usr/bin/setpriv',
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    user.groups.length > 0 ? `--groups=${user.groups.join(',')}` : '--clear-groups',
    '--inh-caps=-all',
    `--bounding-set=${capabilities}`,
    ...(user.noNewPrivileges ? ['--no-new-privs'] : []),
    '--',
  ]
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
