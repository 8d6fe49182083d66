package failover

import "fmt"

// Command is what a person can say next. The zero Command is nothing.
type Command struct {
	Kind    CommandKind
	Pool    string
	Epoch   int64
	Abandon int64
	NewPool bool
	State   PoolState
}

// CommandKind is a kind of command.
type CommandKind string

// The commands.
const (
	NoCommand        CommandKind = ""
	ConfirmCommand   CommandKind = "Confirm"   // spec.failover.confirmEpoch of this site
	ActivateCommand  CommandKind = "Activate"  // at this site
	ReleaseCommand   CommandKind = "Release"   // at this site
	SetStateCommand  CommandKind = "SetState"  // spec.poolState at both sites
	NoWitnessCommand CommandKind = "NoWitness" // take the witness out of the manifest of this site
)

// String is the command as it is typed.
func (c Command) String() string {
	switch c.Kind {
	case ConfirmCommand:
		verb := "failover"
		if Home.Mints(c.Epoch) {
			verb = "failback"
		}
		return fmt.Sprintf("kubectl chatpool %s %s --confirm %d%s", verb, c.Pool, c.Epoch, c.abandon())
	case ActivateCommand:
		if c.NewPool {
			return fmt.Sprintf("kubectl chatpool activate %s --epoch %d --new-pool", c.Pool, c.Epoch)
		}
		return fmt.Sprintf("kubectl chatpool activate %s --epoch %d%s", c.Pool, c.Epoch, c.abandon())
	case ReleaseCommand:
		return fmt.Sprintf("kubectl chatpool release %s --epoch %d", c.Pool, c.Epoch)
	case SetStateCommand:
		verb := "failback"
		if c.State == FailedOver {
			verb = "failover"
		}
		return fmt.Sprintf("kubectl chatpool %s %s", verb, c.Pool)
	case NoWitnessCommand:
		return fmt.Sprintf("kubectl patch chatpool %s --type merge -p '{\"spec\":{\"witness\":null}}'", c.Pool)
	}
	return ""
}

func (c Command) abandon() string {
	if c.Abandon == 0 {
		return ""
	}
	return fmt.Sprintf(" --abandon %d", c.Abandon)
}
