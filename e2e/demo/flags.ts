import { describeError } from '../../core/errors.ts'
import { parseNodePlan } from '../../local/node-plan.ts'
import type { NodePlan } from '../../local/node/messages.ts'
import { FlagError, parseFlags } from '../../local/flags.ts'

export const HELP = `Usage: npm run demo [-- FLAGS]

A shop of four services on this machine, meshed by the label on its namespace: ordinary manifests, network
namespaces for pods, traffic between them. Prints where the dashboard is; Ctrl-C ends it all.

  --once     play the scenario instead: nine steps, a table of what was expected and what was seen
  --nodes N  on so many nodes, at most 16; with --once and two or more, one step more looks at the wire between them
  --network MODE
             between nodes: vxlan (an overlay), or routed (pod addresses on the wire); needs --nodes 2 or more
  --json     with --once: one JSON object {ok, seconds, steps} on standard output instead of the table
  --help     this text

Progress goes to standard error. Exit code: 0 fine, 1 a step failed or the mesh did not start, 2 wrong flags.
While it runs, edit e2e/demo/manifests/ and see the dashboard follow; weft local --help says what else can be
done to it. Needs Linux with iptables and, as another user than root, newuidmap (Debian package uidmap), user
namespaces, and a range of ids in /etc/subuid and /etc/subgid.`

export interface DemoFlags {
  readonly help: boolean
  readonly once: boolean
  readonly json: boolean
  readonly nodes: NodePlan
}

/** Throws FlagError for what it does not know. */
export function parseDemoFlags(argv: readonly string[]): DemoFlags {
  const off = { type: 'boolean', default: false } as const
  const text = { type: 'string' } as const
  const options = { once: off, json: off, help: off, nodes: text, network: text }
  const { values } = parseFlags({ args: [...argv], options })
  if (values.json && !values.once) throw new FlagError('--json goes with --once')
  const { once, json, help, nodes = '1', network } = values
  try {
    return { once, json, help, nodes: parseNodePlan({ nodes, network, zones: undefined }) }
  } catch (cause) {
    throw new FlagError(describeError(cause))
  }
}
