import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun } from '../../../../local/node/run-command.ts'
import { NODE_ADDRESS, NODE_GATEWAY, NODE_NAME, NODE_NETWORK_BITS } from '../addresses.ts'

/** Settings of the whole machine that the kubelet would change, with what it wants to read there. */
const MACHINE_SETTINGS: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
}

/** Where the programs write, besides their own folders: CNI's results, links to logs, sockets. All of it ends with us. */
const PRIVATE = ['/run', '/var/lib', '/var/log']

/** Makes a node of the namespaces that this process is in: nothing that is written or set here outlives them. */
export async function prepareMachine(state: string): Promise<void> {
  // Shared among the cluster's own processes: what the kubelet mounts must show in containers.
  await mustRun(['mount', '--make-rshared', '/'])
  writeFileSync('/proc/sys/kernel/hostname', NODE_NAME)
  for (const path of PRIVATE) await mustRun(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'weft', path])
  for (const path of ['/run/lock', '/run/netns', '/run/home', '/run/etc', '/run/settings'])
    mkdirSync(path, { recursive: true })
  await Promise.all([bindFiles(state), prepareNetwork()])
}

/** The machine's own files stay as they are: others lie over them, here only. */
async function bindFiles(state: string): Promise<void> {
  const over = async (target: string, text: string) => {
    if (!existsSync(target)) return
    const source = join('/run/settings', target.slice(1).replaceAll('/', '_'))
    writeFileSync(source, text)
    await mustRun(['mount', '--bind', source, target])
  }
  for (const [name, value] of Object.entries(MACHINE_SETTINGS)) await over(`/proc/sys/${name}`, `${value}\n`)
  await over('/etc/hosts', `127.0.0.1 localhost\n${NODE_ADDRESS} ${NODE_NAME}\n`)
  // Nobody answers there: no look-up leaves.
  await over('/etc/resolv.conf', `nameserver ${NODE_GATEWAY}\n`)
  writeFileSync(join(state, 'resolv.conf'), `nameserver ${NODE_GATEWAY}\n`)
}

async function prepareNetwork(): Promise<void> {
  await mustRun(['ip', '-batch', '-'], {
    input: [
      'link set lo up',
      'link add node0 type veth peer name node0p',
      `addr add ${NODE_ADDRESS}/${NODE_NETWORK_BITS} dev node0`,
      'link set node0 up',
      'link set node0p up',
      `route add default via ${NODE_GATEWAY} dev node0 onlink`,
      '',
    ].join('\n'),
  })
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
}

/** Mounts /sys of these namespaces, with the cgroups as they are seen from the cluster's own. */
export async function mountSys(): Promise<void> {
  const version1 = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => / - cgroup \S+ (\S+)$/.exec(line)?.[1])
    .filter((options) => options !== undefined)
    .map((options) => options.split(',').filter((one) => one !== 'rw' && one !== 'ro' && one !== 'xattr'))
  await mustRun(['mount', '-t', 'sysfs', 'sysfs', '/sys'])
  if (version1.length === 0) {
    await mustRun(['mount', '-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup'])
    delegateUnified('/sys/fs/cgroup')
    return
  }
  await mustRun(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'cgroup', '/sys/fs/cgroup'])
  for (const options of version1) {
    const name = options.map((one) => one.replace('name=', '')).filter((one) => one !== 'none')
    const directory = join('/sys/fs/cgroup', name.join(','))
    mkdirSync(directory)
    const named = options.some((one) => one.startsWith('name='))
    await mustRun([
      'mount',
      '-t',
      'cgroup',
      '-o',
      [...(named ? ['none'] : []), ...options].join(','),
      'cgroup',
      directory,
    ])
  }
}

/** Children may have controllers once no process is left in their parent (cgroups(7), no internal processes). */
function delegateUnified(root: string): void {
  mkdirSync(join(root, 'init'), { recursive: true })
  for (const process of readFileSync(join(root, 'cgroup.procs'), 'utf8').trim().split('\n')) {
    if (process !== '' && process !== '0') writeFileSync(join(root, 'init', 'cgroup.procs'), process)
  }
  const controllers = readFileSync(join(root, 'cgroup.controllers'), 'utf8').trim().split(' ').filter(Boolean)
  writeFileSync(join(root, 'cgroup.subtree_control'), controllers.map((one) => `+${one}`).join(' '))
}
