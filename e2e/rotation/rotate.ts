import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createIssuing, type CaCredentials } from '../../certs/authority.ts'
import { parsePrivateKey } from '../../certs/key.ts'
import { parseCertificates } from '../../certs/trust-bundle.ts'
import { forgetIssuingCa, SERVERS, type Bed } from './bed.ts'
import { Probe, type Probed } from './probe.ts'

/**
 * What is promised of sidecars once their pod has the changed roots: a look at them every 10 s, and within 10 s more a
 * certificate whose answer settles whom they trust; for a control plane that was away as long as its repetition may take.
 */
export const SAID = { acceptedMs: 15_000, renewedMs: 25_000, refusedMs: 35_000 }
const AWAY_MS = 2000
const LOOK_MS = 100

/** One root's way in, and its predecessor's out. Milliseconds. */
export interface RootChange {
  /** From its publication until every server believed it. */
  readonly acceptedAfterMs: number
  /** From its promotion until every server showed a certificate of it. */
  readonly inUseAfterMs: number
  /** From the retirement of the one before until no server believed that. */
  readonly refusedAfterMs: number
}

export interface RotateOptions {
  readonly bed: Bed
  readonly nowMs: () => number
}

/**
 * Prepare, promote, retire, each with the control plane killed in the middle, and then another issuing CA below the new
 * root, which leaves follow as they are renewed.
 */
export async function changeRoot({ bed, nowMs }: RotateOptions): Promise<RootChange> {
  const { ca } = bed
  const old = new Probe(ca.authority.value.credentials, nowMs())
  ca.prepareRoot()
  const next = new Probe(createIssuing(nextRoot(bed), 'cluster.local', nowMs()), nowMs())
  if ((await next.ask()).accepted !== false) throw new Error('a root was believed before it was published')
  bed.publishRoots()
  const accepted = since(
    next,
    ({ accepted: is }) => is === true,
    SAID.acceptedMs,
    'the new root was believed',
  )
  await bed.replaceControlPlane(AWAY_MS)
  const acceptedAfterMs = await accepted

  ca.promoteRoot()
  bed.publishRoots()
  const inUse = inUseBy(
    old,
    ca.authority.value.credentials.certificate.subject,
    'a certificate of the new root',
  )
  await bed.replaceControlPlane(AWAY_MS)
  const inUseAfterMs = await inUse
  // The caller's certificate is renewed by the same rule, and nobody asks it for one.
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, SAID.renewedMs - inUseAfterMs)))

  ca.retireRoots()
  bed.publishRoots()
  const refused = since(old, ({ accepted: is }) => is === false, SAID.refusedMs, 'the old root was refused')
  await bed.replaceControlPlane(AWAY_MS)
  const refusedAfterMs = await refused
  if ((await next.ask()).accepted !== true) throw new Error('the new root is not believed once it is alone')

  forgetIssuingCa(bed)
  await bed.replaceControlPlane(AWAY_MS)
  return { acceptedAfterMs, inUseAfterMs, refusedAfterMs }
}

/** Until every server shows a certificate that was issued so. */
function inUseBy(probe: Probe, issuer: string, what: string): Promise<number> {
  return since(
    probe,
    ({ shown }) => shown.every((one) => one === issuer),
    SAID.refusedMs,
    `${what} was shown`,
  )
}

/** Asks until all servers agree on it; throws where that takes longer than said. */
async function since(
  probe: Probe,
  holds: (seen: Probed) => boolean,
  mostMs: number,
  what: string,
): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    if (holds(await probe.ask())) return Math.round(performance.now() - startedAt)
    if (performance.now() - startedAt > mostMs)
      throw new Error(
        `it took longer than ${mostMs / 1000} s until ${what} by all of ${SERVERS.length} servers`,
      )
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

function nextRoot({ caDirectory }: Bed): CaCredentials {
  const file = join(caDirectory, 'next-root.pem')
  const text = readFileSync(file, 'utf8')
  const split = text.indexOf('-----BEGIN CERTIFICATE-----')
  const [certificate] = parseCertificates(text.slice(split), file)
  if (!certificate) throw new Error(`${file} holds no certificate`)
  return { certificate, key: parsePrivateKey(text.slice(0, split), file), chain: [] }
}
