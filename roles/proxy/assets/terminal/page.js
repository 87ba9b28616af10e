// A shell of the sandbox in this page. Typed text goes out as it is, sizes as {"rows": r, "cols": c}; what comes is
// terminal output as text. The shell ends with the socket.
'use strict'

const terminal = new Terminal({ cursorBlink: true, scrollback: 10000, theme: { background: '#111111' } })
const fit = new FitAddon.FitAddon()
terminal.loadAddon(fit)
terminal.open(document.getElementById('terminal'))
fit.fit()
terminal.focus()

let socket

function connect() {
  const address = new URL('ws', location.href)
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  address.search = ''
  socket = new WebSocket(address)
  socket.onopen = tellSize
  socket.onmessage = (event) => terminal.write(event.data)
  socket.onclose = () => {
    socket = undefined
    terminal.write('\r\n\x1b[2m[the shell has ended; press Enter for another]\x1b[0m\r\n')
  }
}

function tellSize() {
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify({ rows: terminal.rows, cols: terminal.cols }))
  }
}

terminal.onData((text) => {
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send(text)
  } else if (!socket && text === '\r') {
    terminal.reset()
    connect()
  }
})
terminal.onResize(tellSize)
addEventListener('resize', () => fit.fit())
connect()
