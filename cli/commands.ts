import type { CommandDescription } from '../core/command-line/description.ts'

/** Runs a command with what follows its name; gives the exit code. */
export type Run = (argv: readonly string[]) => Promise<number>

export interface Command {
  readonly name: string
  /** Loads what is said about it, and nothing that it does. */
  describe(): Promise<CommandDescription>
  /** Loads the part behind it, and nothing of the others. */
  load(): Promise<Run>
}

/** What `weft` can do. Each part is loaded only when it is asked for. */
export const COMMANDS: readonly Command[] = [
  {
    name: 'proxy',
    describe: async () => (await import('../proxy/command.ts')).PROXY_COMMAND,
    load: async () => (await import('../proxy/main.ts')).runProxy,
  },
  {
    name: 'control-plane',
    describe: async () => (await import('../control-plane/command.ts')).CONTROL_PLANE_COMMAND,
    load: async () => (await import('../control-plane/main.ts')).runControlPlane,
  },
  {
    name: 'injector',
    describe: async () => (await import('../injector/command.ts')).INJECTOR_COMMAND,
    load: async () => (await import('../injector/injector.ts')).runInjector,
  },
  {
    name: 'init',
    describe: async () => (await import('../injector/rules/flags.ts')).INIT_COMMAND,
    load: async () => (await import('../injector/init.ts')).runInit,
  },
  {
    name: 'cni',
    describe: async () => (await import('../injector/cni/command.ts')).CNI_COMMAND,
    load: async () => (await import('../injector/cni/main.ts')).runCni,
  },
  {
    name: 'check',
    describe: async () => (await import('./check/command.ts')).CHECK_COMMAND,
    load: async () => (await import('./check/main.ts')).runCheck,
  },
  {
    name: 'proxies',
    describe: async () => (await import('./mesh/commands.ts')).PROXIES_COMMAND,
    load: async () => (await import('./mesh/proxies.ts')).runProxies,
  },
  {
    name: 'config',
    describe: async () => (await import('./mesh/commands.ts')).CONFIG_COMMAND,
    load: async () => (await import('./mesh/config.ts')).runConfig,
  },
  {
    name: 'certs',
    describe: async () => (await import('./mesh/commands.ts')).CERTS_COMMAND,
    load: async () => (await import('./mesh/certs.ts')).runCerts,
  },
  {
    name: 'canary',
    describe: async () => (await import('./canary/command.ts')).CANARY_COMMAND,
    load: async () => (await import('./canary/main.ts')).runCanary,
  },
  {
    name: 'stat',
    describe: async () => (await import('./traffic/stat-command.ts')).STAT_COMMAND,
    load: async () => (await import('./traffic/stat.ts')).runStat,
  },
  {
    name: 'edges',
    describe: async () => (await import('./traffic/stat-command.ts')).EDGES_COMMAND,
    load: async () => (await import('./traffic/edges.ts')).runEdges,
  },
  {
    name: 'routes',
    describe: async () => (await import('./traffic/stat-command.ts')).ROUTES_COMMAND,
    load: async () => (await import('./traffic/routes.ts')).runRoutes,
  },
  {
    name: 'traces',
    describe: async () => (await import('./traffic/traces-command.ts')).TRACES_COMMAND,
    load: async () => (await import('./traffic/traces.ts')).runTraces,
  },
  {
    name: 'top',
    describe: async () => (await import('./traffic/tap-command.ts')).TOP_COMMAND,
    load: async () => (await import('./traffic/top.ts')).runTop,
  },
  {
    name: 'tap',
    describe: async () => (await import('./traffic/tap-command.ts')).TAP_COMMAND,
    load: async () => (await import('./traffic/tap.ts')).runTap,
  },
  {
    name: 'policy',
    describe: async () => (await import('./policy/command.ts')).POLICY_COMMAND,
    load: async () => (await import('./policy/main.ts')).runPolicy,
  },
  {
    name: 'diff',
    describe: async () => (await import('./diff/command.ts')).DIFF_COMMAND,
    load: async () => (await import('./diff/main.ts')).runDiff,
  },
  {
    name: 'bundle',
    describe: async () => (await import('./bug-report/command.ts')).BUNDLE_COMMAND,
    load: async () => (await import('./bug-report/main.ts')).runBundle,
  },
  {
    name: 'explain',
    describe: async () => (await import('./explain/command.ts')).EXPLAIN_COMMAND,
    load: async () => (await import('./explain/main.ts')).runExplain,
  },
  {
    name: 'why',
    describe: async () => (await import('./why/command.ts')).WHY_COMMAND,
    load: async () => (await import('./why/main.ts')).runWhy,
  },
  {
    name: 'lint',
    describe: async () => (await import('./lint/command.ts')).LINT_COMMAND,
    load: async () => (await import('./lint/main.ts')).runLint,
  },
  {
    name: 'mcp',
    describe: async () => (await import('./mcp/command.ts')).MCP_COMMAND,
    load: async () => (await import('./mcp/main.ts')).runMcp,
  },
  {
    name: 'uninstall',
    describe: async () => (await import('./mesh/commands.ts')).UNINSTALL_COMMAND,
    load: async () => (await import('./mesh/uninstall.ts')).runUninstall,
  },
  {
    name: 'dashboard',
    describe: async () => (await import('./dashboard/command.ts')).DASHBOARD_COMMAND,
    load: async () => (await import('./dashboard/main.ts')).runDashboard,
  },
  {
    name: 'inject',
    describe: async () => (await import('./inject/command.ts')).INJECT_COMMAND,
    load: async () => (await import('./inject/main.ts')).runInject,
  },
  {
    name: 'migrate',
    describe: async () => (await import('./migrate/command.ts')).MIGRATE_COMMAND,
    load: async () => (await import('./migrate/main.ts')).runMigrate,
  },
  {
    name: 'ca',
    describe: async () => (await import('./ca/command.ts')).CA_COMMAND,
    load: async () => (await import('./ca/main.ts')).runCa,
  },
  {
    name: 'identity',
    describe: async () => (await import('./identity/command.ts')).IDENTITY_COMMAND,
    load: async () => (await import('./identity/main.ts')).runIdentity,
  },
  {
    name: 'local',
    describe: async () => (await import('../local/commands.ts')).LOCAL_COMMAND,
    load: async () => (await import('../local/main.ts')).runLocal,
  },
  {
    name: 'version',
    describe: async () => (await import('./version/command.ts')).VERSION_COMMAND,
    load: async () => (await import('./version/main.ts')).runVersion,
  },
  {
    name: 'completion',
    describe: async () => (await import('./completion/command.ts')).COMPLETION_COMMAND,
    load: async () => (await import('./completion/main.ts')).completionOf(describeWeft),
  },
]

/** `weft` itself, with all that can be said of its commands. */
export async function describeWeft(): Promise<CommandDescription> {
  return {
    name: '',
    summary: 'a sidecar service mesh',
    usage: ['COMMAND [flags]'],
    about: 'Runs the parts of the mesh, looks at one in a cluster, and runs one on this machine.',
    flags: { version: { help: 'the version of this program' } },
    subcommands: await Promise.all(COMMANDS.map((command) => command.describe())),
    notes: ['`weft COMMAND --help` says more about one of them.'],
    exit: '0 done, 1 what was asked for failed, 2 it was asked wrongly',
  }
}
