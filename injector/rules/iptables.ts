import { WeftError } from '../../core/errors.ts'
import type { Family } from './capture.ts'

/** The iptables programs of one family and backend. */
export interface Iptables {
  readonly family: Family
  /** `iptables` is the system's default; nft and legacy are tried where that has no nat table. */
  readonly prefix: string
  /** The nat table in iptables-save's form. */
  save(): Promise<string>
  /** Checks without changing anything. */
  test(rules: string): Promise<void>
  restore(rules: string): Promise<void>
}

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; rejects only when it can't be started. */
export type RunCommand = (program: string, args: readonly string[], input: string) => Promise<CommandResult>

// In seconds: how long to wait for another program that holds the xtables lock.
const LOCK_WAIT = '5'

function iptables(prefix: string, family: Family, run: RunCommand): Iptables {
  const call = async (program: string, args: string[], input = ''): Promise<string> => {
    let result: CommandResult
    try {
      result = await run(program, args, input)
    } catch (error) {
      throw new WeftError('init.no_iptables', `${program} can't be started: install iptables in this image`, {
        cause: error,
      })
    }
    if (result.code === 0) return result.stdout
    throw new WeftError('init.iptables', explain(program, result))
  }
  const restore = ['--wait', LOCK_WAIT, '--noflush']
  return {
    family,
    prefix,
    save: () => call(`${prefix}-save`, ['-t', 'nat']),
    test: async (rules) => void (await call(`${prefix}-restore`, [...restore, '--test'], rules)),
    restore: async (rules) => void (await call(`${prefix}-restore`, restore, rules)),
  }
}

function explain(program: string, result: CommandResult): string {
  const text =
    result.stderr
      .trim()
      .replaceAll(/\s*\n\s*/g, '; ')
      .slice(0, 500) || `exit code ${result.code}`
  if (/permission denied|not permitted|must be root/i.test(text)) {
    return `${program} was not permitted (${text}): it needs root and the capability NET_ADMIN`
  }
  if (/table does not exist|do you need to insmod|can't initialize|not supported/i.test(text)) {
    return `${program} finds no nat table (${text}): the node's kernel needs nf_nat, xt_REDIRECT, xt_owner and xt_addrtype`
  }
  return `${program} failed: ${text}`
}

/**
 * The first backend whose programs exist and whose kernel side accepts `rules`; the error of the system's
 * default otherwise. With `test` it changes nothing; with `restore` they are in force by then, whatever was there before.
 */
export async function findIptables(
  family: Family,
  rulesFor: (saved: string) => string,
  run: RunCommand,
  attempt: 'test' | 'restore' = 'test',
): Promise<Iptables> {
  const base = family === 4 ? 'iptables' : 'ip6tables'
  let first: unknown
  for (const prefix of [base, `${base}-nft`, `${base}-legacy`]) {
    const tool = iptables(prefix, family, run)
    try {
      if (attempt === 'test') await tool.test(rulesFor(await tool.save()))
      else await tool.restore(rulesFor(''))
      return tool
    } catch (error) {
      first ??= error
    }
  }
  throw first
}
