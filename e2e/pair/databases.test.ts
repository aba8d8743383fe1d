import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { Client, type Notification } from 'pg'
import t from 'tap'
import type { InstalledProgram } from '../programs/debian.ts'
import { findPostgresql, findRedis, startPostgresql, startRedis } from './testing/databases.ts'
import { startPair } from './testing/pair.ts'
import { RedisSession } from './testing/redis-session.ts'

// Debian's PostgreSQL and Redis behind a pair, as the opaque TCP that a sidecar takes them for.

const postgresql = findPostgresql()
const redis = findRedis()

t.test('PostgreSQL', { skip: postgresql.skip }, async (t) => {
  const program = postgresql.program as InstalledProgram
  const app = await startPostgresql(t, program)
  const pair = await startPair(t, [{ name: 'database', kind: 'tcp', app }])
  const port = pair.port('database')
  const open = async (): Promise<Client> => {
    const client = new Client({ host: '127.0.0.1', port, user: 'weft', database: 'postgres' })
    await client.connect()
    return client
  }

  await t.test('a session of psql', async (t) => {
    const psql = join(program.argv[0] as string, 'psql')
    const flags = ['-h', '127.0.0.1', '-p', String(port), '-U', 'weft', '-d', 'postgres', '-XAt']
    const script = 'create table t (n int); insert into t values (1), (2); select sum(n) from t'
    const said = execFileSync(psql, [...flags, ...script.split('; ').flatMap((one) => ['-c', one])], {
      env: { ...process.env, ...program.env },
      encoding: 'utf8',
    })
    t.match(said, /^3$/m)
    t.match(await pair.server.line(({ protocol }) => protocol === 'TCP'), { flags: '-', details: 'closed' })
  })

  await t.test('prepared statements, transactions, errors', async (t) => {
    const client = await open()
    await client.query('create table item (id int primary key, name text)')
    await client.query('begin')
    for (let id = 0; id < 100; id++)
      await client.query({ name: 'add', text: 'insert into item values ($1, $2)', values: [id, `n${id}`] })
    await client.query('commit')
    await client.query('begin')
    await client.query('delete from item')
    await client.query('rollback')
    await t.rejects(client.query('insert into item values (1, null)'), { code: '23505' })
    const { rows } = await client.query<{ count: string }>('select count(*) from item')
    t.strictSame(rows, [{ count: '100' }], 'the session goes on')
    await client.end()
  })

  await t.test('large values up and results down', async (t) => {
    const client = await open()
    const blob = Buffer.alloc(8 * 1024 * 1024, 'a large value ')
    const sent = await client.query<{ md5: string }>('select md5($1::bytea)', [blob])
    t.equal(sent.rows[0]?.md5, createHash('md5').update(blob).digest('hex'))
    const { rows } = await client.query<{ n: number; pad: string }>(
      "select n, repeat('x', 1000) as pad from generate_series(1, 20000) n",
    )
    t.equal(rows.length, 20_000)
    t.equal(rows.at(-1)?.n, 20_000)
    await client.end()
  })

  await t.test('a session that only listens is told', async (t) => {
    const [listener, speaker] = await Promise.all([open(), open()])
    await listener.query('listen news')
    const told = once(listener, 'notification') as Promise<[Notification]>
    await speaker.query("notify news, 'hello'")
    const [{ channel, payload }] = await told
    t.strictSame([channel, payload], ['news', 'hello'])
    await Promise.all([listener.end(), speaker.end()])
  })

  await t.test('a hundred sessions at once', async (t) => {
    const clients = await Promise.all(Array.from({ length: 90 }, open))
    const answers = await Promise.all(
      clients.map(
        async (client, i) => (await client.query<{ n: number }>('select $1::int as n', [i])).rows[0]?.n,
      ),
    )
    t.strictSame(
      answers,
      clients.map((_, i) => i),
    )
    await Promise.all(clients.map((client) => client.end()))
  })
})

t.test('Redis', { skip: redis.skip }, async (t) => {
  const app = await startRedis(t, redis.program as InstalledProgram)
  const pair = await startPair(t, [{ name: 'cache', kind: 'tcp', app }])
  const session = await RedisSession.open(pair.port('cache'))

  await t.test('pipelined commands are answered in their order', async (t) => {
    const replies = await Promise.all(
      Array.from({ length: 10_000 }, (_, i) => [
        session.send('set', `k${i}`, `v${i}`),
        session.send('get', `k${i}`),
      ]).flat(),
    )
    t.strictSame(replies, Array.from({ length: 10_000 }, (_, i) => ['OK', `v${i}`]).flat())
    t.match(await session.send('incr', 'k1'), Error)
  })

  await t.test('large values both ways', async (t) => {
    const value = 'large '.repeat(1_500_000)
    t.equal(await session.send('set', 'large', value), 'OK')
    t.ok((await session.send('get', 'large')) === value, '9 MB come back as they were')
    const keys = await session.send('keys', 'k*')
    t.equal(Array.isArray(keys) && keys.length, 10_000)
  })

  await t.test('who waits is told: pub/sub and a blocking pop', async (t) => {
    const [subscriber, popper] = await Promise.all([
      RedisSession.open(pair.port('cache')),
      RedisSession.open(pair.port('cache')),
    ])
    t.strictSame(await subscriber.send('subscribe', 'news'), ['subscribe', 'news', 1])
    const popped = popper.send('blpop', 'queue', '0')
    t.equal(await session.send('publish', 'news', 'hello'), 1)
    t.strictSame(await subscriber.next(), ['message', 'news', 'hello'])
    await session.send('rpush', 'queue', 'work')
    t.strictSame(await popped, ['queue', 'work'])
    await Promise.all([subscriber.close(), popper.close()])
  })
  await session.close()
  t.match(await pair.caller.line(({ bytes_sent }) => bytes_sent > 9_000_000), {
    protocol: 'TCP',
    flags: '-',
    details: 'closed',
  })
})
