import t from 'tap'
import { originForm, partialDifference, requestDifference, SENTINEL } from './framed.ts'
import { nodeRequestView, nodeResponseView } from './node-parser.ts'

const one = { method: 'GET', target: '/', body: '' }
const sentinel = { method: 'GET', target: '/sentinel', body: '' }

t.test('what counts as another framing', async (t) => {
  t.equal(requestDifference([one, sentinel], [one, sentinel], false), undefined)
  t.equal(requestDifference([one, sentinel], [], false), undefined, 'refused at once: stricter')
  t.equal(requestDifference([one], [one, sentinel], false), undefined, 'we closed after the first')
  t.match(requestDifference([one], [{ ...one, body: 'a' }], false), /body/)
  t.match(requestDifference([one], [{ ...one, target: '/a' }], false), /target/)
  t.match(requestDifference([one], [{ ...one, method: 'PUT' }], false), /method/)
  t.match(requestDifference([one, sentinel], [one, { ...one, target: '/inner' }], false), /target/)
  t.match(requestDifference([one], [one, { ...one, target: '/inner' }], false), /one request more/)
  t.match(requestDifference([one, sentinel], [one], true), /waits for more/)
})

t.test('where Weft took a part only', async (t) => {
  t.equal(partialDifference([one], [one, sentinel, one], false), undefined, 'others may take more')
  t.match(partialDifference([one], [{ ...one, body: 'a' }, one], false), /body/)
  t.match(partialDifference([one], [one, sentinel], true), /request 1 is whole/)
  t.equal(partialDifference([one], [one], true), undefined)
})

t.test('absolute-form is compared by what it means', async (t) => {
  t.equal(originForm('GET', 'http://a/x?y'), '/x?y')
  t.equal(originForm('GET', 'HTTP://a?y'), '/?y')
  t.equal(originForm('GET', 'https://a'), '/')
  t.equal(originForm('OPTIONS', 'http://a'), '*')
  t.equal(originForm('GET', '/http://a'), '/http://a')
})

t.test("Node's parser tells what it framed and where it refuses", async (t) => {
  const post =
    'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n'
  const view = nodeRequestView(Buffer.from(post + SENTINEL))
  t.match(view, {
    error: undefined,
    waits: false,
    messages: [{ body: 'abc', trailers: ['x', 'y'] }, sentinel],
  })
  t.match(nodeRequestView(Buffer.from(post.slice(0, -2))), { messages: [], waits: true })
  t.match(nodeRequestView(Buffer.from(post.replace('3\r\n', '+3\r\n'))), {
    messages: [],
    error: /Parse Error/,
  })
  const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc')
  t.match(nodeResponseView(answer, 'GET', false), { messages: [{ status: 200, body: 'abc' }], waits: false })
  t.match(nodeResponseView(answer.subarray(0, -3), 'HEAD', false), { messages: [{ body: '' }], waits: false })
  t.match(nodeResponseView(Buffer.from('HTTP/1.1 200 OK\r\n\r\nabc'), 'GET', true), {
    messages: [{ body: 'abc' }],
  })
})
