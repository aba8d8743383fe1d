import { parseArgs, type ParseArgsConfig } from 'node:util'
import { GRPC_PORT } from './contract.ts'
import { WeftError } from './errors.ts'
import { closestName } from './closest-name.ts'

export interface HostPort {
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

/**
 * node:util's parseArgs, with one sentence for what is wrong, and what was meant where that is near: WeftError `cli.flags`.
 * A value that begins with `-` needs `=`, so that a flag without its value does not swallow the next.
 */
export function parseFlags<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  const { options = {}, allowPositionals = false } = config
  const { tokens } = parseArgs({ ...config, strict: false, tokens: true, allowPositionals: true })
  for (const token of tokens ?? []) {
    if (token.kind === 'option') checkOption(token, options)
    else if (token.kind === 'positional' && !allowPositionals)
      throw new WeftError('cli.flags', `"${token.value}" is not expected: there are flags only`)
  }
  return parseArgs(config)
}

interface OptionToken {
  readonly name: string
  /** As it was typed. */
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function checkOption(
  { name, rawName, value, inlineValue }: OptionToken,
  options: NonNullable<ParseArgsConfig['options']>,
): void {
  const option = Object.hasOwn(options, name) ? options[name] : undefined
  if (!option) {
    const near = rawName.startsWith('--') ? closestName(name, Object.keys(options)) : undefined
    const meant = near === undefined ? '' : `; did you mean --${near}?`
    throw new WeftError('cli.flags', `unknown flag ${rawName}${meant}`)
  }
  if (option.type === 'boolean') {
    if (value !== undefined) throw new WeftError('cli.flags', `${rawName} takes no value`)
  } else if (value === undefined) {
    throw new WeftError('cli.flags', `${rawName} needs a value`)
  } else if (inlineValue === false && value.length > 1 && value.startsWith('-')) {
    const written = rawName.startsWith('--') ? `${rawName}=${value}` : `${rawName}${value}`
    throw new WeftError('cli.flags', `${rawName} needs a value; one that begins with - is written ${written}`)
  }
}

/** `HOST:PORT`, an IPv6 host in brackets. Port 0 is allowed: the system chooses. */
export function hostPort(flag: string, text: string): HostPort {
  const [, host = '', port = ''] = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):([0-9]{1,5})$/.exec(text) ?? []
  if (host === '' || Number(port) > 65535)
    throw new WeftError('cli.flags', `"${text}" must be HOST:PORT, e.g. 127.0.0.1:${GRPC_PORT}`, {
      field: flag,
    })
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

/** A decimal number between two bounds, both allowed. */
export function numberBetween(flag: string, text: string, least: number, most: number): number {
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw new WeftError('cli.flags', `"${text}" must be a number from ${least} to ${most}`, { field: flag })
}

/** An integer between two bounds, both allowed. */
export function integerBetween(flag: string, text: string, least: number, most: number): number {
  const value = numberBetween(flag, text, least, most)
  if (Number.isInteger(value)) return value
  throw new WeftError('cli.flags', `"${text}" must be a whole number`, { field: flag })
}

export function required(flag: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value
  throw new WeftError('cli.flags', 'is required', { field: flag })
}

/** `host` is one that only this machine (or pod) reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
