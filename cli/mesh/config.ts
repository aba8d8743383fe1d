import { WeftError } from '../../core/errors.ts'
import { runClusterCommand, type ClusterSession, type Outcome } from '../cluster/command.ts'
import { openAdminPages } from './admin-page.ts'
import { CONFIG_COMMAND } from './commands.ts'

const PAGES: Readonly<Record<string, string>> = {
  clusters: '/clusters',
  certs: '/certs',
  stats: '/stats?format=json',
}

/** `weft config POD`. Resolves to the exit code. */
export function runConfig(argv: readonly string[]): Promise<number> {
  return runClusterCommand({ description: CONFIG_COMMAND, run: printPage }, argv)
}

async function printPage(session: ClusterSession): Promise<Outcome> {
  const { connection, positionals, given } = session
  const [pod = ''] = positionals
  if (given.size > 1) throw new WeftError('cli.flags', `choose one of ${[...given].join(', ')}`)
  const [page] = given
  const namespace = session.namespace ?? connection.namespace
  const path = page === undefined ? '/config_dump' : (PAGES[page] ?? '/config_dump')
  const json = await (await openAdminPages(session))({ namespace, pod }, path)
  return { text: `${JSON.stringify(json, undefined, 2)}\n`, json, good: true }
}
