namespace VmiPl.Probes.GdbStub;

/// <summary>A machine that is migrated, or saved: it must not be stopped by us when it leaves (<see cref="MigrationWatch"/>).</summary>
internal sealed partial class StubSession
{
    private readonly MigrationWatch _migration;
    private bool _isAway;

    /// <summary>Before the machine runs on: takes the traps out while it is on its way, and leaves it as it is where it has gone.</summary>
    private void FollowMigration()
    {
        _migration.Look();
        if (_migration.Stage == MigrationStage.None || _held)
            return;
        if (!_isAway)
        {
            _isAway = true;
            Place();
            _events.Notice("The machine is being migrated or saved. The probes are out until that is over; no event of theirs is seen meanwhile.", isError: false);
        }
        if (_migration.Stage == MigrationStage.Departed)
            Hold("The machine stands still, as it was migrated; probes go on when it does.");
    }

    /// <summary>Puts them back when it is over and the machine runs.</summary>
    private void WatchMigration()
    {
        if (!_isAway)
            return;
        _migration.Look();
        if (_held || _migration.Stage != MigrationStage.None)
            return;
        HaltForWork();
        if (!_held)
        {
            _isAway = false;
            Place();
            _events.Notice("The migration is over, and the probes are back.", isError: false);
        }
        GoOn();
    }
}
