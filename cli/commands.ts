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
  {
    name: 'proxy',
    summary: 'run a proxy: a sidecar, or alone from a bootstrap file',
    load: async () => (await import('../proxy/main.ts')).runProxy,
  },
  {
    name: 'control-plane',
    summary: 'serve configuration, certificates and the dashboard',
    load: async () => (await import('../control-plane/main.ts')).runControlPlane,
  },
  {
    name: 'injector',
    summary: 'serve the admission webhook that adds the sidecar',
    load: async () => (await import('../injector/injector.ts')).runInjector,
  },
  {
    name: 'init',
    summary: "set a pod's capture rules",
    load: async () => (await import('../injector/init.ts')).runInit,
  },
  {
    name: 'inject',
    summary: 'add the sidecar to manifests, without a cluster',
    load: async () => (await import('./inject/main.ts')).runInject,
  },
  {
    name: 'ca',
    summary: "show the mesh's CA and rotate its root",
    load: async () => (await import('./ca/main.ts')).runCa,
  },
  {
    name: 'local',
    summary: 'run a cluster with the mesh on this machine',
    load: async () => (await import('../local/main.ts')).runLocal,
  },
]
