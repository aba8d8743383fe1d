import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { askPrometheus } from './prometheus.ts'

t.test('the value of a query is held to its limits; without one nothing is known', async (t) => {
  let answer: [status: number, body: string] = [200, '']
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(answer[0]).end(answer[1])
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const condition = {
    name: 'depth',
    address: `http://127.0.0.1:${port}/`,
    query: 'max(depth{a="b"})',
    minimum: 1,
    maximum: 10,
  }
  const vector = (value: string): string =>
    JSON.stringify({
      status: 'success',
      data: { resultType: 'vector', result: [{ metric: {}, value: [0, value] }] },
    })
  const state = async (status: number, body: string): Promise<string> => {
    answer = [status, body]
    return (await askPrometheus(condition)).state
  }
  t.equal(await state(200, vector('5')), 'good')
  t.equal(asked[0], '/api/v1/query?query=max%28depth%7Ba%3D%22b%22%7D%29')
  t.equal(await state(200, vector('11')), 'breach')
  t.match((await askPrometheus(condition)).message, /Prometheus query "depth" is 11, at most 10 is allowed/)
  t.equal(await state(200, vector('0')), 'breach')
  t.equal(await state(200, '{"data":{"resultType":"scalar","result":[0,"7"]}}'), 'good')
  for (const nothing of [
    vector('NaN'),
    '{"data":{"resultType":"vector","result":[]}}',
    'no JSON',
    '{}',
    'null',
  ])
    t.equal(await state(200, nothing), 'unknown', nothing)
  t.equal(await state(500, vector('5')), 'unknown')
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  t.match(await askPrometheus(condition), { state: 'unknown', message: /could not be asked/ })
})
