import { parseArgs } from 'node:util'
import { jwtAuthn, type JwtAuthnStep } from '../proxy/steps/http/jwt-authn.ts'
import { NO_LISTENER_SETTINGS } from '../proxy/steps/step.ts'
import { headOf, HOP, manual } from '../proxy/steps/testing/requests.ts'
import { ecKey, rsaKey, signed, type IssuerKey } from '../proxy/steps/testing/tokens.ts'
import { Scope } from '../proxy/xds/scope.ts'

const HELP = `Measures what tokens of users cost a sidecar: CPU microseconds a request whose token is known, of one user
and of a thousand in turn, and a first verification by RS256 and by ES256.

  node bench/known-tokens.ts [--rounds 7] [--requests 200000] [--json]

  --rounds    measured rounds; the median is told, with the lowest and highest
  --requests  requests a round; of first verifications a hundredth
  --json      one JSON object instead of lines
`

const ISSUER = 'https://issuer.example'
const USERS = 1000
/** Fields that a browser's request has beside its token. */
const FIELDS = [
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['accept', 'application/json'],
  ['accept-language', 'en-GB,en;q=0.5'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['x-request-id', '0f1e2d3c4b5a69788796a5b4c3d2e1f0'],
  ['cookie', 'theme=dark; seen=1'],
].flat()

function stepOf(key: IssuerKey): JwtAuthnStep {
  const scope = new Scope()
  const provider = {
    issuer: ISSUER,
    audiences: ['shop'],
    localJwks: { inlineString: JSON.stringify({ keys: [key.jwk] }) },
    payloadInMetadata: 'payload',
    claimToHeaders: [{ headerName: 'x-user', claimName: 'sub' }],
  }
  const rules = [{ match: { prefix: '/' }, requires: { allowMissing: {} } }]
  const config = jwtAuthn.read({ providers: { a: provider }, rules }, scope, NO_LISTENER_SETTINGS)
  return jwtAuthn.create(config, 'jwt', manual()) as JwtAuthnStep
}

function tokenOf(key: IssuerKey, user: number, alg: string): string {
  const exp = Math.floor(Date.now() / 1000) + 3600
  const claims = {
    iss: ISSUER,
    sub: `user-${user}`,
    aud: 'shop',
    exp,
    groups: ['a', 'b'],
    email: `user-${user}@shop.example`,
  }
  return signed(key, claims, { alg })
}

/** As codecs make them: strings of their own. */
function requestOf(token: string) {
  return headOf('/items?page=2', [
    ...FIELDS,
    'authorization',
    Buffer.from(`Bearer ${token}`, 'latin1').toString('latin1'),
  ])
}

async function verified(step: JwtAuthnStep, token: string): Promise<void> {
  const verdict = step.decide(HOP, requestOf(token), undefined)
  if (verdict?.kind === 'answer') throw new Error(`refused: ${verdict.reply.text}`)
  if (!verdict) return
  const answer = await new Promise((resume) => void verdict.begin({ resume }))
  if (answer) throw new Error('a good token is refused')
}

interface Spread {
  readonly low: number
  readonly median: number
  readonly high: number
}

async function measured(
  rounds: number,
  requests: number,
  run: (count: number) => void | Promise<void>,
): Promise<Spread> {
  await run(requests)
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    await run(requests)
    const { user, system } = process.cpuUsage(before)
    times.push((user + system) / requests)
  }
  times.sort((a, b) => a - b)
  const at = (index: number): number => Math.round((times[index] as number) * 100) / 100
  return { low: at(0), median: at(times.length >> 1), high: at(times.length - 1) }
}

async function known(rounds: number, requests: number, users: number): Promise<Spread> {
  const key = rsaKey('one')
  const step = stepOf(key)
  const tokens = Array.from({ length: users }, (_, user) => tokenOf(key, user, 'RS256'))
  for (const token of tokens) await verified(step, token)
  // What a request is made of costs whoever reads it, and is taken off.
  const making = await measured(rounds, requests, (count) => {
    for (let i = 0; i < count; i++) requestOf(tokens[i % users] as string)
  })
  const all = await measured(rounds, requests, (count) => {
    for (let i = 0; i < count; i++)
      if (step.decide(HOP, requestOf(tokens[i % users] as string), undefined))
        throw new Error('a known token waits')
  })
  const less = (value: number): number => Math.round((value - making.median) * 100) / 100
  return { low: less(all.low), median: less(all.median), high: less(all.high) }
}

async function first(rounds: number, requests: number, alg: 'RS256' | 'ES256'): Promise<Spread> {
  const key = alg === 'RS256' ? rsaKey('one') : ecKey('one')
  let user = 0
  const step = stepOf(key)
  const each = Math.max(1, Math.floor(requests / 100))
  const tokens = Array.from({ length: each * (rounds + 1) }, () => tokenOf(key, user++, alg))
  return measured(rounds, each, async (count) => {
    await Promise.all(tokens.splice(0, count).map((token) => verified(step, token)))
  })
}

async function main(): Promise<void> {
  const options = {
    rounds: { type: 'string', default: '7' },
    requests: { type: 'string', default: '200000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  let values
  try {
    values = parseArgs({ options }).values
  } catch (error) {
    console.error(`known-tokens: ${(error as Error).message.split('\n')[0]} Try --help.`)
    process.exitCode = 2
    return
  }
  if (values.help) return console.log(HELP)
  const rounds = Number(values.rounds)
  const requests = Number(values.requests)
  if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(requests) && requests > 0)) {
    console.error('known-tokens: --rounds and --requests must be whole numbers above 0')
    process.exitCode = 2
    return
  }
  const rss = process.memoryUsage().rss
  const results = {
    'first verification, RS256': await first(rounds, requests, 'RS256'),
    'first verification, ES256': await first(rounds, requests, 'ES256'),
    'known token, one user': await known(rounds, requests, 1),
    [`known tokens, ${USERS} users`]: await known(rounds, requests, USERS),
  }
  const grownMib = Math.round((process.memoryUsage().rss - rss) / 1024 / 1024)
  if (values.json) return console.log(JSON.stringify({ unit: 'us of CPU a request', results, grownMib }))
  for (const [name, { low, median, high }] of Object.entries(results))
    console.log(`${name.padEnd(28)} ${median} us (${low}-${high})`)
}

await main()
