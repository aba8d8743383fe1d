import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { WeftError } from '../core/errors.ts'
import { CLUSTER_FLAGS } from './commands.ts'
import { ControlClient } from './control/client.ts'

const NAME = /^[a-z0-9][-a-z0-9]{0,30}$/

/** The cluster that is meant where no name is given. */
export const DEFAULT_NAME = CLUSTER_FLAGS.name.default

/** Where a cluster keeps logs, generated objects and its control socket while it runs. */
export function stateDirectory(name: string, directory?: string): string {
  if (!NAME.test(name)) {
    throw new WeftError('local.name', `\`${name}\` is not a cluster name: a-z, 0-9 and -, at most 31`, {
      field: '--name',
    })
  }
  return directory === undefined ? join(tmpdir(), `weft-${userInfo().uid}-${name}`) : resolve(directory)
}

/** Names of the user's clusters that seem to run: each has its control socket where no --state-dir says otherwise. */
export function clusterNames(): string[] {
  const start = `weft-${userInfo().uid}-`
  return readdirSync(tmpdir())
    .filter((entry) => entry.startsWith(start) && existsSync(controlSocket(join(tmpdir(), entry))))
    .map((entry) => entry.slice(start.length))
    .toSorted()
}

/** What finds a cluster in the commands of `weft local`, to be put behind their names: '' or ` --name two`. */
export function clusterFlags(name: string, directory?: string): string {
  if (directory !== undefined) return ` --state-dir ${directory}`
  return name === DEFAULT_NAME ? '' : ` --name ${name}`
}

export function controlSocket(directory: string): string {
  return join(directory, 'control.sock')
}

const OWN_ENTRIES = ['control.sock', 'logs', 'objects', 'scratch', 'captures', 'manifests']

/** Throws unless a cluster may use the directory; what one left that was killed is cleared away. */
export async function claimStateDirectory(directory: string, flags: string): Promise<void> {
  if (!existsSync(directory)) return
  const stats = lstatSync(directory)
  if (!stats.isDirectory() || stats.uid !== userInfo().uid) {
    throw new WeftError(
      'local.state_directory',
      `${directory} is there already and not yours: choose another --state-dir`,
    )
  }
  if (existsSync(controlSocket(directory))) {
    const client = new ControlClient(controlSocket(directory))
    const running = await client.status().then(
      () => true,
      () => false,
    )
    await client.close()
    if (running) {
      throw new WeftError(
        'local.already_up',
        `a cluster runs there already (${directory}): weft local down${flags} ends it, or choose another --name`,
      )
    }
  }
  clearStateDirectory(directory, false)
}

/** Where a cluster keeps its own copy of one input of manifests. */
export function manifestCopy(directory: string, index: number): string {
  return join(directory, 'manifests', String(index))
}

/** Makes the directory; true when it was not there. */
export function makeStateDirectory(directory: string): boolean {
  const made = mkdirSync(directory, { recursive: true }) !== undefined
  // Whatever the umask: users of containers walk through it.
  chmodSync(directory, 0o755)
  return made
}

/** Removes what a cluster keeps there; the directory itself only when it is the cluster's own. */
export function clearStateDirectory(directory: string, itself: boolean): void {
  for (const own of itself ? [''] : OWN_ENTRIES) {
    rmSync(join(directory, own), { recursive: true, force: true })
  }
}
