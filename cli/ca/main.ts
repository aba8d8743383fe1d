import { BUNDLE_CONFIG_MAP, BUNDLE_KEY, CA_SECRET, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import { createLogger } from '../../core/log.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { parseFlags } from '../../core/flags.ts'
import { openCaSecret } from '../../control-plane/kubernetes/ca/ca-secret.ts'
import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import type { KubernetesObject } from '../../control-plane/kubernetes/follow.ts'
import { caText, caView, stepProblem, type CaView } from './ca-view.ts'

export const CA_HELP = `Usage: weft ca COMMAND [flags]

The mesh's CA in a Kubernetes cluster: what it is, and a new root in three steps that cut nobody off. It needs the right
to read and write the Secret ${CA_SECRET}, and to list ConfigMaps.

  status   the roots that are trusted, which of them signs, and where they are published
  prepare  makes another root: it is trusted everywhere, and signs nothing yet
  promote  the new root signs, the old one is trusted still; pods renew their certificates within minutes
  retire   only the signing root is trusted

  -n, --namespace NAME  where Weft is installed (${SYSTEM_NAMESPACE})
  --secret NAME         that holds the CA (${CA_SECRET})
  --trust-domain NAME   of the mesh (cluster.local)
  --force               promote or retire although some may not be ready for it
  --kubeconfig FILE     in place of KUBECONFIG and ~/.kube/config
  --context NAME        of the kubeconfig (its current-context)
  --json                the state after the command as one JSON object
  --help                this text

Exit code: 0 done, 1 it cannot be done (now), 2 wrong flags.
`

const STEPS = ['status', 'prepare', 'promote', 'retire'] as const
type Step = (typeof STEPS)[number]

interface CaFlags {
  readonly step: Step
  readonly namespace: string
  readonly secret: string
  readonly trustDomain: string
  readonly force: boolean
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  readonly json: boolean
}

/** `weft ca`. Resolves to the exit code. */
export async function runCa(argv: readonly string[]): Promise<number> {
  let flags: CaFlags | 'help'
  try {
    flags = readFlags(argv)
  } catch (error) {
    process.stderr.write(`weft ca: ${describeError(error)} (weft ca --help lists the flags)\n`)
    return 2
  }
  if (flags === 'help') {
    process.stdout.write(CA_HELP)
    return 0
  }
  try {
    const connection = await openConnection(flags)
    try {
      const view = await take(flags, connection)
      process.stdout.write(flags.json ? `${JSON.stringify(view, undefined, 2)}\n` : `${caText(view)}\n`)
      return 0
    } finally {
      await connection.close()
    }
  } catch (error) {
    process.stderr.write(`weft ca: ${describeError(error)}\n`)
    return 1
  }
}

async function take(flags: CaFlags, connection: KubernetesConnection): Promise<CaView> {
  const { step, namespace, secret, trustDomain, force } = flags
  const ca = await openCaSecret({
    connection,
    namespace,
    name: secret,
    trustDomain,
    dnsNames: [],
    existing: true,
    log: createLogger('ca', 'warn'),
  })
  const view = async () => caView(ca.authority.value, await published(connection))
  if (step === 'prepare') await ca.prepareRoot()
  if (step === 'promote' || step === 'retire') {
    const problem = force ? undefined : stepProblem(step, await view(), Date.now())
    if (problem) throw new WeftError('ca.not_yet', `${problem}; --force does it all the same`)
    await (step === 'promote' ? ca.promoteRoot() : ca.retireRoots())
  }
  return view()
}

async function published(connection: KubernetesConnection): Promise<readonly string[]> {
  const list = (await connection.request({
    method: 'GET',
    path: '/api/v1/configmaps',
    query: { fieldSelector: `metadata.name=${BUNDLE_CONFIG_MAP}` },
  })) as { readonly items?: readonly KubernetesObject[] | null }
  return (list.items ?? []).map(
    (item) => (item['data'] as Readonly<Record<string, string>> | undefined)?.[BUNDLE_KEY] ?? '',
  )
}

function readFlags(argv: readonly string[]): CaFlags | 'help' {
  const text = { type: 'string' } as const
  const { values, positionals } = parseFlags({
    args: [...argv],
    allowPositionals: true,
    options: {
      namespace: { type: 'string', short: 'n' },
      secret: text,
      'trust-domain': text,
      force: { type: 'boolean' },
      kubeconfig: text,
      context: text,
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return 'help'
  const [name, ...more] = positionals
  const step = STEPS.find((one) => one === name)
  if (!step || more.length > 0)
    throw new WeftError('cli.flags', `give one of ${STEPS.join(', ')}`, { field: 'COMMAND' })
  return {
    step,
    namespace: values.namespace ?? SYSTEM_NAMESPACE,
    secret: values.secret ?? CA_SECRET,
    trustDomain: values['trust-domain'] ?? 'cluster.local',
    force: values.force ?? false,
    kubeconfig: values.kubeconfig,
    context: values.context,
    json: values.json ?? false,
  }
}
