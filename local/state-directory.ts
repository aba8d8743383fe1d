import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { WeftError } from '../core/errors.ts'
import { ControlClient } from './control/client.ts'

const NAME = /^[a-z0-9][-a-z0-9]{0,30}$/

/** Where a cluster keeps logs, generated objects and its control socket while it runs. */
export function stateDirectory(name: string, directory?: string): string {
  if (!NAME.test(name)) {
    throw new WeftError('local.name', `\`${name}\` is not a cluster name: a-z, 0-9 and -, at most 31`, {
      field: '--name',
    })
  }
  return directory === undefined ? join(tmpdir(), `weft-${userInfo().uid}-${name}`) : resolve(directory)
}

export function controlSocket(directory: string): string {
  return join(directory, 'control.sock')
}

/** Makes the directory afresh; what a cluster left that was killed is cleared away. */
export async function claimStateDirectory(directory: string): Promise<void> {
  if (existsSync(directory)) {
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
          `a cluster runs there already (${directory}): weft local down, or choose another --name`,
        )
      }
    }
    for (const own of ['control.sock', 'logs', 'objects', 'scratch', 'captures']) {
      rmSync(join(directory, own), { recursive: true, force: true })
    }
  }
  mkdirSync(directory, { recursive: true })
  // Whatever the umask: users of containers walk through it.
  chmodSync(directory, 0o755)
}
