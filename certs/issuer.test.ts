import { spawnSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WeftError } from '../core/errors.ts'
import { createRoot, DAY, issueServer, issueWorkload } from './authority.ts'
import { readIssuer, type IssuerFiles } from './issuer.ts'
import { generateKey, privateKeyPem } from './key.ts'
import { certificatesPem } from './trust-bundle.ts'

// CAs that are not ours: openssl makes them as cert-manager, a company's own PKI or a careless person would.
const haveOpenssl = spawnSync('openssl', ['version']).status === 0
const skip = haveOpenssl ? false : 'the openssl command is not installed'
const SERVER = 'weft-control-plane.weft-system.svc'

const RULES = {
  trustDomain: 'cluster.local',
  dnsNames: [SERVER],
  // The certificates are made after this line.
  get now() {
    return Date.now() + 60_000
  },
  source: 'Secret weft-system/weft-ca',
}
const CA =
  'basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n'

/** A small PKI in a directory: `make` adds a certificate, self-signed or below another. */
class Pki {
  readonly #directory: string

  constructor(t: Test) {
    this.#directory = t.testdir({})
  }

  read(name: string): string {
    return readFileSync(join(this.#directory, name), 'utf8')
  }

  run(args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: this.#directory, encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`)
    return stdout + stderr
  }

  make(
    name: string,
    { by, extensions = CA, key = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] }: Making = {},
  ): this {
    writeFileSync(join(this.#directory, `${name}.ext`), extensions)
    this.run(['genpkey', '-algorithm', ...key, '-out', `${name}.key`])
    this.run(['req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`])
    const signer = by
      ? ['-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial']
      : ['-signkey', `${name}.key`]
    this.run([
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signer,
      '-days',
      '30',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    ])
    return this
  }

  /** A root whose life is over; openssl before 3.4 cannot make one. */
  makeEnded(name: string): this {
    const { certificate, key } = createRoot('cluster.local', Date.UTC(2020, 0, 1), 366 * DAY)
    this.write(`${name}.crt`, certificate.toString())
    this.write(`${name}.key`, privateKeyPem(key))
    return this
  }

  /** As in a Secret. */
  files(issuing: string, above: readonly string[] = [], root?: string): IssuerFiles {
    return {
      'tls.crt': [issuing, ...above].map((name) => this.read(`${name}.crt`)).join(''),
      'tls.key': this.read(`${issuing}.key`),
      'ca.crt': root === undefined ? undefined : this.read(`${root}.crt`),
    }
  }

  write(name: string, text: string): string {
    writeFileSync(join(this.#directory, name), text)
    return name
  }
}

interface Making {
  by?: string
  extensions?: string
  key?: readonly string[]
}

const leafOf = (authority: ReturnType<typeof readIssuer>) =>
  issueWorkload(authority.credentials, {
    spiffeId: 'spiffe://cluster.local/ns/shop/sa/web',
    publicKey: createPublicKey(generateKey()),
    now: Date.now(),
  })

t.test(
  'what a given CA signs is valid to openssl, whatever is between it and its root',
  { skip },
  async (t) => {
    const pki = new Pki(t)
    pki.make('root').make('middle', { by: 'root' })
    pki.make('issuing', { by: 'middle', extensions: CA.replace('CA:true', 'CA:true,pathlen:0') })
    pki.make('p384', { key: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'] })
    const cases: [name: string, files: IssuerFiles, chain: number][] = [
      ['two below a root', pki.files('issuing', ['middle'], 'root'), 3],
      ['with the root in the chain', pki.files('issuing', ['middle', 'root'], 'root'), 3],
      ['a root that signs itself', pki.files('root'), 1],
      ['a root of P-384, named twice', pki.files('p384', [], 'p384'), 1],
    ]
    for (const [name, files, length] of cases) {
      const authority = readIssuer(files, RULES)
      const server = issueServer(authority.credentials, {
        dnsNames: [SERVER],
        publicKey: createPublicKey(generateKey()),
        now: Date.now(),
      })
      for (const { chain } of [leafOf(authority), server]) {
        t.equal(chain.length, length, name)
        const leaf = pki.write('leaf.pem', certificatesPem(chain.slice(0, 1)))
        const untrusted = pki.write('chain.pem', certificatesPem(chain))
        const roots = pki.write('roots.pem', authority.bundle.pem)
        const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', roots]
        t.match(pki.run([...args, '-untrusted', untrusted, leaf]), /OK/, name)
      }
    }
  },
)

t.test('several roots are trusted together, and one that ended is left out', { skip }, async (t) => {
  const pki = new Pki(t).make('root').make('next').makeEnded('old').make('issuing', { by: 'root' })
  const roots = ['old', 'next', 'root'].map((name) => pki.read(`${name}.crt`)).join('')
  const { bundle } = readIssuer({ ...pki.files('issuing'), 'ca.crt': roots }, RULES)
  t.strictSame(
    bundle.roots.map((root) => root.subject),
    ['CN=next', 'CN=root'],
  )
})

t.test('what peers would refuse is refused at once, and says what to do', { skip }, async (t) => {
  const pki = new Pki(t).make('root').make('other')
  const below = (extensions: string, by = 'root'): IssuerFiles => {
    pki.make('case', { by, extensions })
    return pki.files('case', by === 'root' ? [] : [by], 'root')
  }
  pki.make('rsa', { key: ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048'] })
  pki.make('p521', { key: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-521'] })
  pki.makeEnded('ended')
  pki.make('short', { by: 'root', extensions: CA.replace('CA:true', 'CA:true,pathlen:0') })
  pki.make('leaf', { by: 'root', extensions: 'basicConstraints=CA:false\n' })
  const good = pki.make('issuing', { by: 'root' }).files('issuing', [], 'root')
  t.ok(readIssuer(good, RULES))
  const cases: [code: string, file: string, message: RegExp, files: IssuerFiles][] = [
    ['malformed', 'tls.crt', /holds no certificate/, { ...good, 'tls.crt': '' }],
    ['malformed', 'tls.crt', /cut or damaged/, { ...good, 'tls.crt': good['tls.crt'].slice(0, 200) }],
    ['malformed', 'tls.key', /no private key/, { ...good, 'tls.key': 'x' }],
    ['key_mismatch', 'tls.key', /is not the key of/, { ...good, 'tls.key': pki.read('root.key') }],
    ['key_type', 'tls.key', /type RSA.*algorithm: ECDSA/, pki.files('rsa')],
    ['key_type', 'tls.key', /P-521|secp521r1/, pki.files('p521')],
    ['not_a_ca', 'tls.crt', /is no CA .*isCA: true/, pki.files('leaf', [], 'root')],
    ['expired', 'tls.crt', /expired at 2021-01-01T00:00:00.000Z: renew it/, pki.files('ended')],
    ['no_root', 'ca.crt', /is missing/, pki.files('issuing')],
    ['no_root', 'tls.crt', /no certificate of ca.crt has signed it/, pki.files('issuing', [], 'other')],
    ['no_root', 'ca.crt', /is no root/, { ...below(CA), 'ca.crt': pki.read('case.crt') }],
    ['path_length', 'tls.crt, ca.crt', /allows 0 CAs below it and has 1/, below(CA, 'short')],
    ['key_usage', 'tls.crt', /cert sign/, below(CA.replace('keyCertSign,', 'digitalSignature,'))],
    ['key_usage', 'tls.crt', /client auth/, below(`${CA}extendedKeyUsage=serverAuth\n`)],
    ['trust_domain', 'tls.crt', /other\.example/, below(`${CA}subjectAltName=URI:spiffe://other.example\n`)],
    [
      'name_constraints',
      'tls.crt',
      /do not permit trust domain/,
      below(`${CA}nameConstraints=permitted;URI:.example.com\n`),
    ],
    [
      'name_constraints',
      'tls.crt',
      /exclude trust domain/,
      below(`${CA}nameConstraints=excluded;URI:cluster.local\n`),
    ],
    [
      'name_constraints',
      'tls.crt',
      /do not permit DNS name weft-/,
      below(`${CA}nameConstraints=permitted;DNS:example.com\n`),
    ],
  ]
  for (const [code, file, message, files] of cases) {
    try {
      readIssuer(files, RULES)
      t.fail(`${code} was taken`)
    } catch (error) {
      if (!(error instanceof WeftError)) throw error
      t.match(error, { code: `issuer.${code}`, field: `Secret weft-system/weft-ca: ${file}`, message })
      const secret = files['tls.key'].split('\n')[1] ?? ''
      t.notOk(secret.length > 20 && error.message.includes(secret.slice(0, 20)))
    }
  }
  const allowed = below(
    `${CA}subjectAltName=URI:spiffe://cluster.local\nextendedKeyUsage=serverAuth,clientAuth\n` +
      'nameConstraints=permitted;URI:cluster.local,permitted;DNS:weft-system.svc,excluded;DNS:example.com\n',
  )
  t.ok(readIssuer(allowed, RULES))
})
