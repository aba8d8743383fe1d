import type { X509Certificate } from 'node:crypto'
import { BUNDLE_CONFIG_MAP, BUNDLE_KEY, CA_SECRET, WEBHOOK_SECRET } from '../../core/contract.ts'
import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import {
  certificatesIn,
  certificatesOfSecret,
  issuingCertificates,
  titleOf,
} from '../cluster/certificates.ts'
import { runClusterCommand, type ClusterSession, type Outcome } from '../cluster/command.ts'
import { getObject, textsAt } from '../cluster/objects.ts'
import { relativeTime, tableText } from '../cluster/table.ts'
import { CERTS_COMMAND } from './commands.ts'

interface CertificateRow {
  readonly use: string
  readonly subject: string
  readonly serial: string
  /** RFC 3339. */
  readonly notAfter: string
  readonly expired: boolean
}

/** `weft certs`. Resolves to the exit code. */
export function runCerts(argv: readonly string[]): Promise<number> {
  return runClusterCommand({ description: CERTS_COMMAND, run: listCertificates }, argv)
}

async function listCertificates({ connection, system }: ClusterSession): Promise<Outcome> {
  const rows: CertificateRow[] = []
  const unread: string[] = []
  const now = Date.now()
  const read = async (
    path: string,
    use: (entries: Readonly<Record<string, string>>) => (readonly [string, X509Certificate[]])[],
  ) => {
    try {
      const found = await getObject(connection, `/api/v1/namespaces/${system}/${path}`)
      if (!found) return void unread.push(`${path} is not there`)
      for (const [name, certificates] of use(textsAt(found.body, 'data')))
        for (const one of certificates) rows.push(rowOf(name, one, now))
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 403) throw error
      unread.push(error.message)
    }
  }
  await read(`configmaps/${BUNDLE_CONFIG_MAP}`, (data) => [['root', certificatesIn(data[BUNDLE_KEY] ?? '')]])
  await read(`secrets/${CA_SECRET}`, (data) => [
    ['issuing CA', issuingCertificates(data)],
    ['next root', certificatesOfSecret(data['next-root.pem'])],
  ])
  await read(`secrets/${WEBHOOK_SECRET}`, (data) => [
    ['webhook', certificatesOfSecret(data['tls.crt']).slice(0, 1)],
  ])
  const text =
    tableText(
      ['USE', 'SUBJECT', 'ENDS', 'SERIAL'],
      rows.map(({ use, subject, notAfter, serial }) => [
        use,
        subject,
        `${notAfter} (${relativeTime(Date.parse(notAfter), now)})`,
        serial,
      ]),
    ) + unread.map((line) => `${line}\n`).join('')
  const good = rows.length > 0 && !rows.some(({ expired }) => expired)
  return { text, json: { certificates: rows, unread }, good }
}

function rowOf(use: string, one: X509Certificate, now: number): CertificateRow {
  const end = one.validToDate
  return {
    use,
    subject: titleOf(one),
    serial: one.serialNumber,
    notAfter: end.toISOString(),
    expired: end.getTime() <= now,
  }
}
