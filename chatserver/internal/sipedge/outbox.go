package sipedge

// Send is for Outbox.
func (d *dialog) Send(body []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	limits := &d.c.server.limits
	switch {
	case d.state == ended || d.state == moved || d.closing != "":
		return errCut
	case len(d.queue) >= limits.QueueMessages || d.queued+len(body) > limits.QueueBytes:
		d.c.server.metrics.slowReaders.Inc()
		d.c.log.Warn("a slow reader was cut off: it does not answer")
		d.c.out.cut()
		return errCut
	}
	d.queue = append(d.queue, body)
	d.queued += len(body)
	d.pump()
	return nil
}

// Close is for Outbox.
func (d *dialog) Close(r Reason) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing != "" || d.state == ended {
		return
	}
	d.closing = r
	d.pump()
}
