import { WeftError } from '../../core/errors.ts'
import { isObject } from '../json-patch.ts'
import type { JsonObject } from '../json-patch.ts'

/** Error codes of CNI specification 1.1, section "Error"; from 100 on they are a plugin's own. */
export const CNI_CODES = {
  incompatibleVersion: 1,
  unknownContainer: 3,
  badEnvironment: 4,
  undecodable: 6,
  badConfiguration: 7,
  notAvailable: 50,
  captureFailed: 100,
  captureMissing: 101,
} as const

/** What a plugin prints in place of a result, with its code of the specification. */
export class CniError extends WeftError {
  readonly cniCode: number

  constructor(cniCode: number, message: string) {
    super('cni.refused', message)
    this.cniCode = cniCode
  }
}

/** Versions of the specification whose configurations and results pass through the plugin. */
export const CNI_VERSIONS: readonly string[] = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']

/** What runtimes that know it hand a plugin of this capability: the pod's annotations (containerd and CRI-O). */
export const ANNOTATIONS_CAPABILITY = 'io.kubernetes.cri.pod-annotations'

const COMMANDS = ['ADD', 'DEL', 'CHECK', 'STATUS', 'VERSION', 'GC'] as const
export type CniCommand = (typeof COMMANDS)[number]

/** One call of the plugin. */
export interface CniRequest {
  readonly command: CniCommand
  readonly cniVersion: string
  /** Path of the pod's network namespace; '' where it is gone, or the command is about no pod. */
  readonly netns: string
  /** `namespace/name`, for people; '' where nobody said. */
  readonly pod: string
  /** Undefined where the runtime does not hand annotations over. */
  readonly annotations: JsonObject | undefined
  /** What the plugins before it made; undefined with none. */
  readonly prevResult: JsonObject | undefined
}

// CNI specification 1.1, section "Parameters".
const CONTAINER_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
/** As Linux has it (dev_valid_name): 15 bytes, no slash, no colon, no space. */
const INTERFACE = /^(?!\.{1,2}$)[^/:\s]{1,15}$/
/** Which variables a command must have. */
const NEEDED: Readonly<Record<CniCommand, readonly string[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  STATUS: [],
  VERSION: [],
  GC: [],
}

type Environment = Readonly<Record<string, string | undefined>>

/** The version that an answer is written in when the configuration's own cannot be read. */
export function versionOf(input: string): string {
  try {
    const { cniVersion } = JSON.parse(input) as { cniVersion?: unknown }
    if (typeof cniVersion === 'string' && CNI_VERSIONS.includes(cniVersion)) return cniVersion
  } catch {
    // Told by readRequest.
  }
  return '1.1.0'
}

/** Reads the environment and the network configuration of a call. Throws a CniError. */
export function readRequest(env: Environment, input: string): CniRequest {
  const command = COMMANDS.find((one) => one === env['CNI_COMMAND'])
  if (command === undefined)
    throw new CniError(CNI_CODES.badEnvironment, `CNI_COMMAND must be one of ${COMMANDS.join(', ')}`)
  const missing = NEEDED[command].filter((name) => !env[name])
  if (missing.length > 0)
    throw new CniError(CNI_CODES.badEnvironment, `${command} needs ${missing.join(', ')}`)
  checkVariable(env, 'CNI_CONTAINERID', CONTAINER_ID)
  checkVariable(env, 'CNI_IFNAME', INTERFACE)

  const configuration = parseObject(input)
  const cniVersion = optional(configuration, 'cniVersion', 'string') ?? '0.3.0'
  if (command !== 'VERSION' && !CNI_VERSIONS.includes(cniVersion))
    throw new CniError(
      CNI_CODES.incompatibleVersion,
      `cniVersion ${cniVersion} is not served; served are ${CNI_VERSIONS.join(', ')}`,
    )
  const prevResult = optional(configuration, 'prevResult', 'object')
  if (prevResult === undefined && (command === 'ADD' || command === 'CHECK'))
    throw new CniError(
      CNI_CODES.badConfiguration,
      'prevResult is missing: this plugin goes behind another one in a list of plugins',
    )
  const runtime = optional(configuration, 'runtimeConfig', 'object') ?? {}
  return {
    command,
    cniVersion,
    netns: env['CNI_NETNS'] ?? '',
    pod: podName(env['CNI_ARGS'] ?? ''),
    annotations: optional(runtime, ANNOTATIONS_CAPABILITY, 'object'),
    prevResult,
  }
}

function checkVariable(env: Environment, name: string, pattern: RegExp): void {
  const value = env[name]
  if (value && !pattern.test(value))
    throw new CniError(CNI_CODES.badEnvironment, `${name} is not what it must be: ${value.slice(0, 80)}`)
}

function parseObject(input: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(input)
  } catch {
    throw new CniError(CNI_CODES.undecodable, 'the network configuration is not JSON')
  }
  if (!isObject(value)) throw new CniError(CNI_CODES.undecodable, 'the network configuration is no object')
  return value
}

function optional(object: JsonObject, field: string, type: 'string'): string | undefined
function optional(object: JsonObject, field: string, type: 'object'): JsonObject | undefined
function optional(
  object: JsonObject,
  field: string,
  type: 'string' | 'object',
): string | JsonObject | undefined {
  const value = object[field]
  if (value === undefined || value === null) return undefined
  if (type === 'string' && typeof value === 'string') return value
  if (type === 'object' && isObject(value)) return value
  throw new CniError(CNI_CODES.badConfiguration, `${field} must be ${type === 'string' ? 'a' : 'an'} ${type}`)
}

/** CNI_ARGS are `KEY=value;KEY=value`. */
function podName(args: string): string {
  const pairs = new Map(
    args.split(';').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  )
  const name = pairs.get('K8S_POD_NAME') ?? ''
  return name === '' ? '' : `${pairs.get('K8S_POD_NAMESPACE') ?? ''}/${name}`
}
