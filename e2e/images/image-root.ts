import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Dockerfile } from '../../release/image/dockerfile.ts'

export const PROJECT = join(import.meta.dirname, '../..')
/** Where images have Node.js. */
export const NODE = '/usr/local/bin/node'

/**
 * Does on this machine what a Dockerfile does in its base image: collects Node.js and other programs with closure.sh, and
 * copies what `COPY` names. `dist`: where the bundles are. Packages are not installed: those of the machine stand in.
 */
export function buildRoot(root: string, { closures, copies }: Dockerfile, dist: string): void {
  // The machine's Node.js is elsewhere: it is collected from there, and brought to where the image has it.
  const own = realpathSync(process.execPath)
  for (const closure of closures) {
    const command = closure
      .replace('/closure.sh /root-files', `${join(PROJECT, 'deploy/docker/closure.sh')} ${root}`)
      .replace(NODE, own)
    execFileSync('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  mkdirSync(dirname(join(root, NODE)), { recursive: true })
  renameSync(join(root, own), join(root, NODE))
  rmSync(join(root, own.split('/').slice(0, 2).join('/')), { recursive: true })
  for (const [from, to] of copies)
    cpSync(from.replace(/^dist\//, `${dist}/`), join(root, to), { recursive: true })
}

/** The command that runs `argv` with `root` as its /, in network, mount and process namespaces of its own. */
export function inRoot(root: string, user: string, argv: readonly string[]): string[] {
  // What every container runtime brings along.
  const mounts = 'mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"'
  const steps = `root=$1; shift; mkdir -p "$root/proc" "$root/dev"; ${mounts}; ip link set lo up; exec "$@"`
  const enter = [
    // As in a container: what a test runner has Node.js load is not in it.
    ...['env', '-u', 'NODE_OPTIONS'],
    'unshare',
    '--mount',
    '--net',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    '-ec',
    steps,
    'enter',
    root,
  ]
  return [...enter, 'chroot', `--userspec=${user}`, root, ...argv]
}
