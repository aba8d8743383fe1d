import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DAY } from '../../../certs/authority.ts'
import { buildCertificate, distinguishedName } from '../../../certs/certificate.ts'
import { basicConstraints, keyUsage } from '../../../certs/extensions.ts'
import { generateKey, privateKeyPem, spkiDer } from '../../../certs/key.ts'
import { Oid } from '../../../certs/oids.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Images } from '../cluster/image/image.ts'
import { SUITE_MANIFESTS } from './programs.ts'

const BACKDATING = 5 * 60 * 1000
const LIFE = 30 * DAY
/** As the Dockerfile of Istio's test application has it. */
const USER = '1338'

/** The test application, made of the programs in `echo`, under the name that the manifests in `suite` give it. */
export function echoImage(suite: string, echo: string): Images {
  const { certificate, key } = selfSigned()
  return {
    [echoImageName(readFileSync(join(suite, SUITE_MANIFESTS), 'utf8'))]: {
      layers: [
        {
          '/usr/local/bin/client': { from: join(echo, 'client') },
          '/usr/local/bin/server': { from: join(echo, 'server') },
          '/cert.crt': certificate,
          '/cert.key': key,
        },
      ],
      entrypoint: ['/usr/local/bin/server'],
      user: USER,
    },
  }
}

/** The one image that the pods of the manifests run. */
export function echoImageName(manifests: string): string {
  const names = new Set([...manifests.matchAll(/^\s+image: (\S+)$/gm)].map(([, name = '']) => name))
  const [name, ...others] = names
  if (name !== undefined && others.length === 0) return name
  throw new WeftError(
    'conformance.image',
    `the manifests of the suite name ${names.size} images (${[...names].join(', ')}), and one is made`,
  )
}

/** The server wants a certificate for its TLS port; nobody checks whose it is. */
function selfSigned(): { readonly certificate: string; readonly key: string } {
  const key = generateKey()
  const name = distinguishedName([[Oid.commonName, 'echo']])
  const now = Date.now()
  const certificate = buildCertificate(
    {
      issuer: name,
      subject: name,
      spki: spkiDer(createPublicKey(key)),
      notBefore: now - BACKDATING,
      notAfter: now + LIFE,
      extensions: [basicConstraints(undefined), keyUsage('digitalSignature')],
    },
    key,
  )
  return { certificate: certificate.toString(), key: privateKeyPem(key) }
}
