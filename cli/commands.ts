import { WeftError } from '../core/errors.ts'

/** Runs a command with what follows its name; gives the exit code. */
export type Run = (argv: readonly string[]) => Promise<number>

export interface Command {
  readonly name: string
  readonly summary: string
  /** Loads the part behind it, and nothing of the others. */
  load(): Promise<Run>
}

/** What `weft` can do. Each part is loaded only when it is asked for. */
export const COMMANDS: readonly Command[] = [
  command('proxy', 'run a proxy: a sidecar, or alone from a bootstrap file', '../proxy/main.ts', 'runProxy'),
  command(
    'control-plane',
    'serve configuration, certificates and the dashboard',
    '../control-plane/main.ts',
    'runControlPlane',
  ),
  command(
    'injector',
    'serve the admission webhook that adds the sidecar',
    '../injector/injector.ts',
    'runInjector',
  ),
  command('init', "set a pod's capture rules", '../injector/init.ts', 'runInit'),
  command('local', 'run a cluster with the mesh on this machine', '../local/main.ts', 'runLocal'),
]

function command(name: string, summary: string, path: string, exported: string): Command {
  return {
    name,
    summary,
    async load() {
      const module = (await import(path)) as Record<string, unknown>
      const run = module[exported]
      if (typeof run !== 'function') {
        throw new WeftError('cli.part', `${path} has no \`${exported}\``, { field: name })
      }
      return (argv) => Promise.resolve(run(argv) as Promise<number>)
    },
  }
}
