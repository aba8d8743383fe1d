import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Traces } from './leftovers.ts'

/** Starts a process that holds a cluster until it is killed; resolves once that is ready. */
export async function holdCluster(mode: 'api' | 'node'): Promise<{ child: ChildProcess; traces: Traces }> {
  const program = fileURLToPath(new URL('hold.ts', import.meta.url))
  const child = spawn(process.execPath, [program, mode], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).once('line', resolve)
  child.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
  const { id, namespaces } = JSON.parse(await promise) as { id: string; namespaces: string[] }
  return { child, traces: { id, namespaces: new Set(namespaces) } }
}
