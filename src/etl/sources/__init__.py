"""Where records come from. It imports nothing: functions carry single readers without the rest."""
