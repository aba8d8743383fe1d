import { checkTrustDomain } from '../../certs/spiffe-id.ts'
import { printHelp, programName, usageProblem } from '../../core/command-line/help.ts'
import { asksForHelp, findCommand, parseCommand } from '../../core/command-line/parse.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { tableText } from '../cluster/table.ts'
import { IDENTITY_COMMAND, type IdentityCommand } from './command.ts'
import {
  openRevocations,
  type KnownRevocation,
  type RevocationFlags,
  type Revocations,
} from './revocations.ts'
import { revokedCertificate, revokedIdentity, type Revoked } from './revoked.ts'

interface Said {
  readonly text: string
  readonly facts: object
}

/** `weft identity`. Resolves to the exit code: 0, 1 where it could not be done, 2 for wrong flags. */
export async function runIdentity(argv: readonly string[]): Promise<number> {
  const [word, ...more] = argv
  if (word === undefined || asksForHelp(argv.slice(0, 1))) {
    printHelp(IDENTITY_COMMAND)
    return word === undefined ? 2 : 0
  }
  let description: IdentityCommand
  try {
    description = findCommand(IDENTITY_COMMAND.subcommands, word)
  } catch (error) {
    process.stderr.write(usageProblem(IDENTITY_COMMAND, error))
    return 2
  }
  try {
    const parsed = parseCommand(description, more)
    if (parsed === 'help') {
      printHelp(description)
      return 0
    }
    const { positionals } = parsed
    const values: RevocationFlags & {
      readonly certificate?: string | undefined
      readonly reason?: string | undefined
      readonly 'trust-domain': string
      readonly json: boolean
    } = parsed.values
    const trustDomain = checkTrustDomain(values['trust-domain'], '--trust-domain')
    const what =
      description.name === 'identity list'
        ? undefined
        : revokedOf(positionals[0], values.certificate, trustDomain)
    const revocations = await openRevocations(values)
    try {
      const { text, facts } = await take(description, revocations, what, values.reason ?? '')
      process.stdout.write(values.json ? `${JSON.stringify(facts, undefined, 2)}\n` : text)
      return 0
    } finally {
      await revocations.close()
    }
  } catch (error) {
    if (error instanceof WeftError && (error.code === 'cli.flags' || error.code.startsWith('spiffe_id.'))) {
      process.stderr.write(usageProblem(description, error))
      return 2
    }
    process.stderr.write(`${programName()} ${description.name}: ${describeError(error)}\n`)
    return 1
  }
}

function revokedOf(
  identity: string | undefined,
  certificate: string | undefined,
  trustDomain: string,
): Revoked {
  if ((identity === undefined) === (certificate === undefined))
    throw new WeftError('cli.flags', 'give an identity or --certificate, one of the two', {
      field: 'IDENTITY',
    })
  return identity === undefined
    ? revokedCertificate(certificate ?? '')
    : revokedIdentity(identity, trustDomain)
}

async function take(
  { name }: IdentityCommand,
  revocations: Revocations,
  what: Revoked | undefined,
  reason: string,
): Promise<Said> {
  if (!what) {
    const all = await revocations.list()
    return { text: listText(all), facts: { revocations: all } }
  }
  const facts = { name: what.name, ...what.spec }
  if (name === 'identity revoke') {
    await revocations.put(what, reason)
    return { text: `revoked ${what.title}\n`, facts: { ...facts, reason } }
  }
  if (!(await revocations.remove(what.name))) throw await notThere(revocations, what)
  return { text: `restored ${what.title}\n`, facts }
}

/** Somebody may have written it by hand, with others. */
async function notThere(revocations: Revocations, { title, spec }: Revoked): Promise<WeftError> {
  const wanted = JSON.stringify([spec.identities, spec.certificates])
  const holds = (one: KnownRevocation): boolean =>
    one.identities.some((id) => wanted.includes(id)) ||
    [...one.serials, ...one.fingerprints].some((text) =>
      wanted.includes(text.toLowerCase().replaceAll(':', '')),
    )
  const other = (await revocations.list()).find(holds)
  const message = other
    ? `${title} is revoked by IdentityRevocation ${other.name}, which this command did not write: edit that`
    : `${title} is not revoked`
  return new WeftError('identity.not_revoked', message)
}

function listText(all: readonly KnownRevocation[]): string {
  if (all.length === 0) return 'nothing is revoked\n'
  const rows = all.flatMap(({ name, identities, serials, fingerprints, since, reason }) =>
    [
      ...identities,
      ...serials.map((one) => `serial ${one}`),
      ...fingerprints.map((one) => `sha256 ${one}`),
    ].map((revoked) => [revoked, since ?? '-', name, reason]),
  )
  return tableText(['REVOKED', 'SINCE', 'OBJECT', 'REASON'], rows)
}
