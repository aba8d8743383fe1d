import { BUNDLE_CONFIG_MAP, BUNDLE_KEY } from '../../core/contract.ts'
import { createLogger } from '../../core/log.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { printHelp, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import { openCaSecret } from '../../control-plane/kubernetes/ca/ca-secret.ts'
import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import type { KubernetesObject } from '../../control-plane/kubernetes/follow.ts'
import { CA_COMMAND } from './command.ts'
import { caText, caView, stepProblem, type CaView } from './ca-view.ts'

type Step = keyof (typeof CA_COMMAND)['arguments'][0]['choices']

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
    process.stderr.write(usageProblem(CA_COMMAND, error))
    return 2
  }
  if (flags === 'help') {
    printHelp(CA_COMMAND)
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
  const parsed = parseCommand(CA_COMMAND, argv)
  if (parsed === 'help') return 'help'
  const { values, positionals } = parsed
  // One of these words: what is typed was held to the description.
  const step = positionals[0] as Step
  const { namespace, secret, force, kubeconfig, context, json } = values
  return { step, namespace, secret, trustDomain: values['trust-domain'], force, kubeconfig, context, json }
}
