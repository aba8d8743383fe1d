import { readFileSync, statSync } from 'node:fs'
import { kernel } from '../rules/kernel.ts'
import { answerCni } from './plugin.ts'
import type { PluginHost } from './plugin.ts'
import { LOADER_VARIABLE, ROOT_VARIABLE, shippedCommand } from './shipped-command.ts'

/**
 * The plugin as runtimes call it, by the program that node-program.ts puts on nodes: CNI_* in the environment, the configuration
 * on standard input. Resolves to the exit code. Once for each pod that starts or ends: it loads nothing that it does not need.
 */
export async function runPlugin(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const { stdout, code } = await answerCni(env, readFileSync(0, 'utf8'), nodeHost(env))
  process.stdout.write(stdout)
  return code
}

function nodeHost(env: NodeJS.ProcessEnv): PluginHost {
  const run = shippedCommand(env[ROOT_VARIABLE] ?? '', env[LOADER_VARIABLE] ?? '')
  // What is to be told is in the answer: runtimes read nothing else.
  return { ...kernel(run, () => {}), isInside }
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
