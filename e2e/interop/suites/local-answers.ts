import { once } from 'node:events'
import { createServer } from 'node:http'
import { freePort } from '../../../core/testing/free-ports.ts'
import { portOf, startPair } from '../../pair/testing/pair.ts'
import { runCommand } from '../command.ts'
import type { Case, Run, Suite, Verdict } from '../suite.ts'

/** A line of programs/go/connectcaller. */
interface Call {
  readonly call: string
  readonly code: string
  readonly message: string
}

const LIMIT_S = 60
/** What connect-go says by itself of an answer that is not in its caller's form. */
const NOT_ITS_FORM = /content-type|HTTP status|^\d{3} |EOF|protocol error|trailer/i

/** By path of the pair: the code that a caller has to learn (doc/http-grpc-status-mapping.md; a timeout is its own). */
const EXPECTED = { dead: 'unavailable', none: 'unimplemented', slow: 'deadline_exceeded' } as const

async function run(suite: Run): Promise<readonly Case[]> {
  const silent = createServer(() => {})
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  suite.t.teardown(() => {
    silent.close()
    silent.closeAllConnections()
  })
  const pair = await startPair(
    suite.t,
    [
      { name: 'dead', kind: 'http', app: await freePort(), appProtocol: 'http1' },
      {
        name: 'none',
        kind: 'http',
        app: portOf(silent),
        manager: { route_config: { name: 'none', virtual_hosts: [] } },
      },
      { name: 'slow', kind: 'http', app: portOf(silent), appProtocol: 'http1', route: { timeout: '0.3s' } },
    ],
    suite,
  )
  const cases: Case[] = []
  for (const [path, code] of Object.entries(EXPECTED)) {
    if (suite.stopped.aborted) break
    suite.progress(`${path}: ${code}`)
    const ended = await runCommand(
      [`${suite.folder('interop-connect-go')}/connectcaller`, `http://127.0.0.1:${pair.port(path)}`],
      { limit: LIMIT_S, stopped: suite.stopped },
    )
    const calls = ended.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Call)
    if (ended.code !== 0)
      cases.push({ name: path, pair: { passed: false, said: `the caller ended: ${ended.stderr}` } })
    for (const call of calls) cases.push({ name: `${path}: ${call.call}`, pair: verdict(call, code) })
  }
  return cases
}

function verdict({ code, message }: Call, expected: string): Verdict {
  const passed = code === expected && message !== '' && !NOT_ITS_FORM.test(message)
  return { passed, said: passed ? '' : `${code} where it is ${expected}: ${message}` }
}

export const LOCAL_ANSWERS: Suite = {
  name: 'local-answers',
  title: "what connect-go learns of a proxy's own 503, 404 and timeout, as Connect, gRPC and gRPC-Web",
  parts: ['interop-connect-go'],
  run,
}
