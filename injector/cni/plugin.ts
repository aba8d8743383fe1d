import { CAPTURE_ANNOTATION, CNI_PLUGIN } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import { captureNewNetwork, captureProblems, removeCapture } from '../rules/apply.ts'
import type { Host } from '../rules/apply.ts'
import { parseInitFlags } from '../rules/flags.ts'
import type { InitOptions } from '../rules/flags.ts'
import { CNI_CODES, CNI_VERSIONS, CniError, readRequest, versionOf } from './protocol.ts'
import type { CniRequest } from './protocol.ts'

/** What the plugin sees of the node. */
export interface PluginHost extends Host {
  /** Whether this process is in the network namespace of that path, and the node's own is another. False: there is none. */
  readonly isInside: (netns: string) => boolean
}

export interface PluginAnswer {
  /** For standard output: a result or an error of the specification; '' where a command has none. */
  readonly stdout: string
  readonly code: 0 | 1
}

/** An annotation of any use is far shorter; the pod's author wrote it. */
const MAX_ANNOTATION = 64 * 1024

/**
 * One call of the CNI plugin (CNI specification 1.1): `env` are the variables CNI_*, `input` the network configuration.
 * It keeps nothing between calls and asks nobody: what it must know of a pod comes with the call, in the pod's annotations.
 */
export async function answerCni(
  env: Readonly<Record<string, string | undefined>>,
  input: string,
  host: PluginHost,
): Promise<PluginAnswer> {
  try {
    return { stdout: await run(readRequest(env, input), host), code: 0 }
  } catch (error) {
    const code = error instanceof CniError ? error.cniCode : CNI_CODES.captureFailed
    const answer = { cniVersion: versionOf(input), code, msg: `${CNI_PLUGIN}: ${describeError(error)}` }
    return { stdout: `${JSON.stringify(answer)}\n`, code: 1 }
  }
}

async function run(request: CniRequest, host: PluginHost): Promise<string> {
  switch (request.command) {
    case 'VERSION':
      return `${JSON.stringify({ cniVersion: '1.1.0', supportedVersions: CNI_VERSIONS })}\n`
    case 'STATUS':
      await requirePrograms(host)
      return ''
    case 'GC':
      // Rules are the namespaces', which runtimes delete: nothing is kept that could be left.
      return ''
    case 'ADD': {
      const options = captureOf(request)
      if (options) {
        requireInside(request, host)
        await captureNewNetwork(options, host)
      }
      return `${JSON.stringify(request.prevResult)}\n`
    }
    case 'CHECK': {
      const options = captureOf(request)
      if (options) await check(options, request, host)
      return ''
    }
    case 'DEL':
      await remove(request, host)
      return ''
    default:
      throw new Error(`unknown command ${String(request.command satisfies never)}`)
  }
}

/** What to capture of the pod; undefined: it has no sidecar, or one whose init container sets the rules. */
function captureOf({ annotations, pod }: CniRequest): InitOptions | undefined {
  const text = annotations?.[CAPTURE_ANNOTATION]
  if (text === undefined) return undefined
  const refuse = (why: string) =>
    new CniError(CNI_CODES.badConfiguration, `annotation ${CAPTURE_ANNOTATION} of pod ${pod}: ${why}`)
  let argv: unknown
  try {
    argv = typeof text === 'string' && text.length <= MAX_ANNOTATION ? JSON.parse(text) : undefined
  } catch {
    // Refused below.
  }
  if (!Array.isArray(argv) || !argv.every((one) => typeof one === 'string'))
    throw refuse('must be a JSON list of texts, as the injector writes it')
  let options: InitOptions
  try {
    options = parseInitFlags(argv)
  } catch (error) {
    throw refuse(describeError(error))
  }
  if (options.mode !== 'apply') throw refuse('has only the flags of `weft init` that say what is captured')
  return options
}

function requireInside({ netns, pod }: CniRequest, host: PluginHost): void {
  if (!host.isInside(netns))
    throw new CniError(
      CNI_CODES.unknownContainer,
      `pod ${pod} has no network namespace of its own at ${netns}`,
    )
}

async function check(options: InitOptions, request: CniRequest, host: PluginHost): Promise<void> {
  requireInside(request, host)
  const problems = await captureProblems(options, host)
  if (problems.length > 0)
    throw new CniError(
      CNI_CODES.captureMissing,
      `the capture rules of pod ${request.pod} are not in force: ${problems.join(', ')}`,
    )
}

/** Whatever is wrong, a pod can end: its rules go with its network namespace at the latest. */
async function remove(request: CniRequest, host: PluginHost): Promise<void> {
  if (request.annotations?.[CAPTURE_ANNOTATION] === undefined || !host.isInside(request.netns)) return
  try {
    await removeCapture(host)
  } catch (error) {
    host.logger.warn('capture rules stay until the namespace is gone', { cause: describeError(error) })
  }
}

async function requirePrograms(host: PluginHost): Promise<void> {
  try {
    const { code, stderr } = await host.run('iptables-restore', ['--version'], '')
    if (code === 0) return
    throw new Error(stderr.trim().slice(0, 200))
  } catch (error) {
    throw new CniError(CNI_CODES.notAvailable, `iptables-restore does not run: ${describeError(error)}`)
  }
}
