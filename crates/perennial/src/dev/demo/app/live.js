// One stream of the live view for all tabs: a browser opens few connections to one address, and the app needs them.

const KEPT = 200
const tabs = []
const kept = []
let open = false

const tell = (message) => tabs.forEach((tab) => tab.postMessage(message))

const source = new EventSource('/dev/live')
source.onopen = () => tell({ open: (open = true) })
source.onerror = () => tell({ open: (open = false) })
source.onmessage = ({ data }) => {
  const exchange = JSON.parse(data)
  kept.push(exchange)
  if (kept.length > KEPT) kept.shift()
  tell({ exchanges: [exchange] })
}

onconnect = ({ ports: [tab] }) => {
  tabs.push(tab)
  tab.postMessage({ open, exchanges: kept })
}
