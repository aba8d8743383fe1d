import { readFileSync, statSync } from 'node:fs'
import { silentLogger } from '../../core/log.ts'
import { kernel } from '../init.ts'
import { runCommandSync } from '../rules/iptables.ts'
import { LOADER_VARIABLE, ROOT_VARIABLE, shippedCommand } from './node-program.ts'
import { answerCni } from './plugin.ts'
import type { PluginHost } from './plugin.ts'

/** The plugin as runtimes call it: CNI_* in the environment, the configuration on standard input. Resolves to the exit code. */
export async function runPlugin(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const { stdout, code } = await answerCni(env, readFileSync(0, 'utf8'), nodeHost(env))
  process.stdout.write(stdout)
  return code
}

function nodeHost(env: NodeJS.ProcessEnv): PluginHost {
  const root = env[ROOT_VARIABLE]
  const loader = env[LOADER_VARIABLE]
  return {
    ...kernel({ stderr: () => {} }),
    run: root && loader ? shippedCommand(root, loader, runCommandSync) : runCommandSync,
    logger: silentLogger,
    isInside,
  }
}

/** Never the node's own: a rule there would capture all of the node. */
function isInside(netns: string): boolean {
  const own = inode('/proc/self/ns/net')
  return netns !== '' && own !== undefined && own === inode(netns) && own !== inode('/proc/1/ns/net')
}

function inode(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path)
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}
