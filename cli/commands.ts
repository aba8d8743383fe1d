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
    name: 'check',
    summary: 'say what is wrong with a cluster: before an installation, or after',
    load: async () => (await import('./check/main.ts')).runCheck,
  },
  {
    name: 'proxies',
    summary: "list a cluster's sidecars, and whether they have their configuration",
    load: async () => (await import('./mesh/proxies.ts')).runProxies,
  },
  {
    name: 'config',
    summary: 'print what a sidecar has from the control plane',
    load: async () => (await import('./mesh/config.ts')).runConfig,
  },
  {
    name: 'certs',
    summary: "list the mesh's certificates, and when they end",
    load: async () => (await import('./mesh/certs.ts')).runCerts,
  },
  {
    name: 'uninstall',
    summary: 'print the commands that take Weft off a cluster',
    load: async () => (await import('./mesh/uninstall.ts')).runUninstall,
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
