import { parseArgs, type ParseArgsConfig } from 'node:util'
import { GRPC_PORT } from './contract.ts'
import { WeftError } from './errors.ts'
import type { LogLevel } from './log.ts'

export interface HostPort {
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

/** node:util's parseArgs with an error of one line: WeftError `cli.flags`. */
export function parseFlags<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new WeftError('cli.flags', line)
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

export function logLevel(flag: string, text: string): LogLevel {
  const level = (['debug', 'info', 'warn', 'error'] as const).find((name) => name === text)
  if (level) return level
  throw new WeftError('cli.flags', `"${text}" must be debug, info, warn or error`, { field: flag })
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
