import t, { type Test } from 'tap'
import { HpackDecoder } from './decoder.ts'

// Every example of RFC 7541 appendix C: bytes in, fields out, and the table that is left.

interface Step {
  hex: string
  fields: string
  table: string
  size: number
}

function decode(decoder: HpackDecoder, bytes: Buffer): string | undefined {
  const lines: string[] = []
  const ok = decoder.decode(bytes, 0, bytes.length, {
    add: (_kind, name, value) => void lines.push(`${name}: ${value}`),
  })
  return ok ? lines.join('\n') : undefined
}

function run(t: Test, steps: Step[], tableBytes = 4096): void {
  const decoder = new HpackDecoder(tableBytes)
  for (const step of steps) {
    const bytes = Buffer.from(step.hex.replaceAll(/\s/g, ''), 'hex')
    t.equal(decode(decoder, bytes), step.fields)
    t.equal(decoder.tableBytes, step.size)
    const entries = step.table === '' ? [] : step.table.split('\n')
    for (let i = 0; i < entries.length; i++)
      t.equal(decode(decoder, Buffer.from([0x80 | (62 + i)])), entries[i], `entry ${62 + i}`)
    t.equal(decode(decoder, Buffer.from([0x80 | (62 + entries.length)])), undefined, 'no further entry')
  }
}

const FIRST = ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com'
const REQUESTS = [
  { fields: FIRST, table: ':authority: www.example.com', size: 57 },
  {
    fields: `${FIRST}\ncache-control: no-cache`,
    table: 'cache-control: no-cache\n:authority: www.example.com',
    size: 110,
  },
  {
    fields:
      ':method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value',
    table: 'custom-key: custom-value\ncache-control: no-cache\n:authority: www.example.com',
    size: 164,
  },
]
const LOCATION = 'location: https://www.example.com'
const DATE = 'date: Mon, 21 Oct 2013 20:13:21 GMT'
const LATER = 'date: Mon, 21 Oct 2013 20:13:22 GMT'
const COOKIE = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'
const RESPONSES = [
  {
    fields: `:status: 302\ncache-control: private\n${DATE}\n${LOCATION}`,
    table: `${LOCATION}\n${DATE}\ncache-control: private\n:status: 302`,
    size: 222,
  },
  {
    fields: `:status: 307\ncache-control: private\n${DATE}\n${LOCATION}`,
    table: `:status: 307\n${LOCATION}\n${DATE}\ncache-control: private`,
    size: 222,
  },
  {
    fields: `:status: 200\ncache-control: private\n${LATER}\n${LOCATION}\ncontent-encoding: gzip\n${COOKIE}`,
    table: `${COOKIE}\ncontent-encoding: gzip\n${LATER}`,
    size: 215,
  },
]

function withHex(steps: Omit<Step, 'hex'>[], hex: string[]): Step[] {
  return steps.map((step, i) => ({ ...step, hex: hex[i] as string }))
}

t.test('C.2 literals and an indexed field', async (t) => {
  const custom = 'custom-key: custom-header'
  run(t, [
    {
      hex: '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      fields: custom,
      table: custom,
      size: 55,
    },
  ])
  run(t, [
    { hex: '040c 2f73 616d 706c 652f 7061 7468', fields: ':path: /sample/path', table: '', size: 0 },
    { hex: '1008 7061 7373 776f 7264 0673 6563 7265 74', fields: 'password: secret', table: '', size: 0 },
    { hex: '82', fields: ':method: GET', table: '', size: 0 },
  ])
})

t.test('C.3 requests without Huffman', async (t) => {
  run(
    t,
    withHex(REQUESTS, [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ]),
  )
})

t.test('C.4 requests with Huffman', async (t) => {
  run(
    t,
    withHex(REQUESTS, [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ]),
  )
})

t.test('C.5 responses without Huffman, evicting', async (t) => {
  run(
    t,
    withHex(RESPONSES, [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
       3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
       7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
       6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
    ]),
    256,
  )
})

t.test('C.6 responses with Huffman, evicting', async (t) => {
  run(
    t,
    withHex(RESPONSES, [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
       1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
       e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ]),
    256,
  )
})
