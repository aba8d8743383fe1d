import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { createRoot } from '../../certs/authority.ts'
import { SecretRemover } from './secret-values.ts'

const { privateKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const KEY_LINE = privateKey.split('\n')[1] ?? ''
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ'
const PLANTED = 'hunter2planted'

/** Each must be gone, wherever it stood; `kept` must stay. */
const TEXTS: readonly (readonly [text: string, secret: string, kept?: string])[] = [
  [`level=info Authorization: Bearer ${PLANTED} path=/items`, PLANTED, 'level=info'],
  [`authorization: Digest username="bob", response="${PLANTED}"`, PLANTED],
  [`"authorization":"Basic dXNlcjpodW50ZXIy" "path":"/a"`, 'dXNlcjpodW50ZXIy', '"path":"/a"'],
  [`\\"Authorization\\":\\"${PLANTED}\\",\\"path\\":\\"/a\\"`, PLANTED, '/a'],
  [`sent Basic dXNlcjpodW50ZXIy to catalog`, 'dXNlcjpodW50ZXIy', 'to catalog'],
  [`Cookie: theme=dark; session=${PLANTED}`, PLANTED],
  [`set-cookie: id=${PLANTED}; Path=/`, PLANTED],
  [`X-Api-Key: ${PLANTED}`, PLANTED, 'X-Api-Key'],
  [`x-auth-token=${PLANTED}, next`, PLANTED, 'next'],
  [`connecting to postgres://shop:${PLANTED}@db.shop:5432/shop`, PLANTED, 'db.shop:5432/shop'],
  [`redis://:${PLANTED}@cache:6379`, PLANTED, 'cache:6379'],
  [`GET /callback?code=${PLANTED}&state=x HTTP/1.1`, PLANTED, '/callback?code='],
  [`token ${JWT} is over`, JWT, 'is over'],
  [`prefix_${JWT}`, 'c2lnbmF0dXJlLXBsYW50ZWQ'],
  [Buffer.from(JWT).toString('base64'), Buffer.from(JWT).toString('base64')],
  [`key is ${privateKey} and after`, KEY_LINE, 'and after'],
  [JSON.stringify({ note: privateKey, other: 'kept' }), KEY_LINE, 'kept'],
  [privateKey.split('\n').slice(1).join('\n'), KEY_LINE],
  [privateKey.split('\n').slice(0, 2).join('\n'), KEY_LINE],
  [Buffer.from(privateKey).toString('base64'), Buffer.from(privateKey).toString('base64').slice(60, 120)],
  [`password=${PLANTED}`, PLANTED],
  [`{"dbPassword": "${PLANTED}", "a": 1`, PLANTED, '"a": 1'],
  [`DB_PASSWORD='with blank ${PLANTED}' and more`, PLANTED, 'and more'],
  [`curl --token ${PLANTED} http://a`, PLANTED, 'http://a'],
  [`client_secret: ${PLANTED}`, PLANTED],
  [`level: password=${PLANTED} msg="passwd: ${PLANTED}"`, PLANTED, 'msg'],
  [`"passwords": ["${PLANTED}"], "a"`, PLANTED, '"a"'],
  [`pushed with ghp_${'a1'.repeat(18)} today`, 'a1a1a1', 'today'],
  [`AKIAIOSFODNN7EXAMPLE1 and`, 'IOSFODNN7', 'and'],
]

t.test('what looks like a secret or is named like one is taken out of lines', async (t) => {
  for (const [text, secret, kept = ''] of TEXTS) {
    const left = new SecretRemover().text(text)
    t.notOk(left.includes(secret), `${text} became ${left}`)
    t.ok(left.includes(kept), `${left} has lost ${kept}`)
  }
})

t.test('what a report needs stays as it is', async (t) => {
  for (const text of [
    'the token expired, the cookie was none, basic settings are fine',
    'spiffe://cluster.local/ns/shop/sa/web asks outbound/10.96.0.1:8080',
    'trace 4bf92f3577b34da6a3ce929d0e0e4736 route HTTPRoute/shop/catalog/0',
    'weft-proxy: listening on 127.0.0.1:15000',
    '--token-file /var/run/secrets/weft/token/token',
    createRoot('cluster.local', 0).certificate.toString(),
  ])
    t.equal(new SecretRemover().text(text), text)
  const value = {
    secretName: 'weft-ca',
    tokenAudience: 'weft',
    automountServiceAccountToken: true,
    configSource: { secretKeyRef: { name: 'db', key: 'password' } },
    caBundle: Buffer.from(createRoot('cluster.local', 0).certificate.toString()).toString('base64'),
    names: ['a', 'b'],
  }
  t.strictSame(new SecretRemover().json(value), value)
})

t.test('and out of JSON, by place', async (t) => {
  const remover = new SecretRemover()
  const cleaned = remover.json({
    items: [
      { kind: 'Secret', metadata: { name: 's' }, data: { any: PLANTED }, stringData: { more: PLANTED } },
      {
        kind: 'Pod',
        metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': PLANTED } },
        spec: {
          containers: [
            {
              name: 'app',
              args: ['--password', PLANTED, '--api-key=' + PLANTED, 'serve'],
              env: [
                { name: 'MODE', value: PLANTED },
                { name: 'FROM', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
              ],
            },
          ],
        },
      },
    ],
    environment: { MODE: PLANTED },
    headers: [
      { name: 'Authorization', value: PLANTED },
      { header: { key: 'x-api-key', value: PLANTED } },
      { name: 'cookie', stringMatch: { exact: PLANTED } },
      ['authorization', PLANTED],
    ],
    fields: ['accept', '*/*', 'authorization', PLANTED],
    attributes: { 'http.request.header.authorization': [PLANTED] },
    jwks: JSON.stringify({ keys: [{ kty: 'oct', k: PLANTED, kid: 'one' }] }),
    [`Bearer ${PLANTED}`]: 1,
  })
  const text = JSON.stringify(cleaned)
  t.notMatch(text, PLANTED)
  t.match(cleaned, {
    items: [
      { metadata: { name: 's' } },
      {
        metadata: { annotations: {} },
        spec: {
          containers: [
            {
              args: ['--password', '[redacted]', /^--api-key=/, 'serve'],
              env: [{ name: 'MODE' }, { valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }],
            },
          ],
        },
      },
    ],
    fields: ['accept', '*/*', 'authorization', '[redacted]'],
  })
  t.match(text, 'kid')
  t.equal(remover.final(`the application says ${PLANTED}`), 'the application says [redacted]')
})

t.test('hostile texts cost no more than their length', { timeout: 60_000 }, async (t) => {
  for (const part of [
    ...[
      'eyJ',
      'a',
      '-----BEGIN PRIVATE KEY-----',
      '-----END PRIVATE KEY-----',
      'password=',
      'a.',
      '?a=',
      '"',
    ],
    ...['\\"', 'LS0tLS1CRUdJTi', 'MIIabcdefghijklmnopq\n', 'a://', 'ZXlK', '{"a":{"b":"c"}}\n'],
  ])
    t.ok(new SecretRemover().text(part.repeat(Math.ceil(60_000 / part.length))).length > 0, part)
  let deep: unknown = PLANTED
  for (let at = 0; at < 5000; at++) deep = [deep]
  t.notMatch(JSON.stringify(new SecretRemover().json(deep)), PLANTED)
})
